//! Reading what is meant out of the tree of a file.
//!
//! What does not fit is noted with its place, and reading goes on beside it: a person learns of all of it at once.

use indexmap::IndexMap;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::Problem;
use super::yaml::{Node, Yaml};

/// Where something stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// From 1; 0 when it is not known.
    line: u64,
    /// The names that lead there, such as `functions.resize.timeout`; empty for the file as a whole.
    path: String,
}

/// A value, and where it stands.
#[derive(Debug)]
pub(super) struct Lined<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// What can be read out of a file.
pub(super) trait Read: Sized {
    /// Reads it, and notes what is wrong. `None` when nothing can be made of it; that was noted then.
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self>;
}

/// Notes what is wrong with a file.
pub(super) struct Reader {
    text: String,
    /// All that was found, in no order.
    pub(super) problems: Vec<Problem>,
}

/// The members of a map. Each is taken out when it is read, so that those remain that nobody knows.
pub(super) struct Fields<'r> {
    members: Vec<(Spanned<String>, Node)>,
    known: Vec<&'static str>,
    place: &'r Place,
    reader: &'r mut Reader,
}

impl Place {
    /// The place of a whole file.
    pub(super) fn of_file(node: &Node) -> Self {
        Self { line: node.referenced.line(), path: String::new() }
    }

    fn member(&self, name: &str, node: &Node) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { line: node.referenced.line(), path: format!("{}{dot}{name}", self.path) }
    }

    fn item(&self, index: usize, node: &Node) -> Self {
        Self { line: node.referenced.line(), path: format!("{}[{index}]", self.path) }
    }

    /// A problem with what stands here.
    pub(super) fn problem(&self, text: String) -> Problem {
        Problem { line: Some(self.line).filter(|line| *line > 0), path: self.path.clone(), text }
    }
}

impl Reader {
    /// For a file with this text.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), problems: Vec::new() }
    }

    /// Reads a map whose members all have a meaning.
    pub(super) fn members<T>(
        &mut self,
        node: Node,
        place: &Place,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let members = self.map(node, place)?;
        let mut fields = Fields { members, known: Vec::new(), place, reader: self };
        let value = read(&mut fields);
        fields.end();
        Some(value)
    }

    /// What has one of these names.
    pub(super) fn one_of<T: Copy>(&mut self, node: Node, place: &Place, known: &[(&str, T)]) -> Option<T> {
        let text = String::read(node, place, self)?;
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let wrong = || format!("is `{text}`, but must be one of `{}`", names.join("`, `"));
        self.noted(found.ok_or_else(wrong), place)
    }

    /// Notes an error.
    pub(super) fn noted<T>(&mut self, read: Result<T, String>, place: &Place) -> Option<T> {
        read.map_err(|text| self.problems.push(place.problem(text))).ok()
    }

    /// The members of a map; nothing counts as one without any.
    fn map(&mut self, node: Node, place: &Place) -> Option<Vec<(Spanned<String>, Node)>> {
        let map = match node.value {
            Yaml::Map(map) => Ok(map),
            Yaml::Scalar(Value::Null) => Ok(Vec::new()),
            Yaml::Scalar(_) | Yaml::List(_) => Err("must have members, each with a name".to_owned()),
        };
        self.noted(map, place)
    }

    /// A scalar as it is written: where a text is meant, `1.10` is not `1.1`, nor `yes` `true`.
    fn written(&self, node: &Node) -> Option<String> {
        let value = match &node.value {
            Yaml::Scalar(Value::Null) | Yaml::List(_) | Yaml::Map(_) => return None,
            Yaml::Scalar(Value::String(text)) => return Some(text.clone()),
            Yaml::Scalar(value) => value,
        };
        let span = node.defined.span();
        let place = span.byte_offset().zip(span.byte_len());
        let place = place.and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
        let written = place.and_then(|place| self.text.get(place)).map(str::trim);
        // With a tag, a quoted text can be a number.
        let is_plain = |text: &&str| !text.is_empty() && !text.starts_with(['"', '\'']);
        Some(written.filter(is_plain).map_or_else(|| value.to_string(), str::to_owned))
    }
}

impl Fields<'_> {
    /// A member that need not be there. Without a value it counts as absent.
    pub(super) fn optional<T: Read>(&mut self, name: &'static str) -> Option<T> {
        let (node, place) = self.take(name).filter(|(node, _)| !node.value.is_nothing())?;
        T::read(node, &place, self.reader)
    }

    /// A member that must be there. `None` when it is not, or is wrong.
    pub(super) fn required<T: Read>(&mut self, name: &'static str) -> Option<T> {
        let has_value =
            self.members.iter().any(|(known, node)| known.value == name && !node.value.is_nothing());
        if !has_value {
            self.reader.problems.push(self.place.problem(format!("`{name}` is missing")));
        }
        self.optional(name)
    }

    /// A member that must have a value when it is there.
    pub(super) fn given<T: Read + Default>(&mut self, name: &'static str) -> T {
        let taken = self.take(name);
        taken.and_then(|(node, place)| T::read(node, &place, self.reader)).unwrap_or_default()
    }

    fn take(&mut self, name: &'static str) -> Option<(Node, Place)> {
        self.known.push(name);
        let index = self.members.iter().position(|(known, _)| known.value == name)?;
        let (_, node) = self.members.remove(index);
        let place = self.place.member(name, &node);
        Some((node, place))
    }

    fn end(self) {
        let Self { members, known, place, reader } = self;
        for (name, _) in members {
            let place = Place { line: name.referenced.line(), path: place.path.clone() };
            let text = format!("`{}` is not known here; known are `{}`", name.value, known.join("`, `"));
            reader.problems.push(place.problem(text));
        }
    }
}

impl<T: Read> Read for Lined<T> {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let value = T::read(node, place, reader)?;
        Some(Self { value, place: place.clone() })
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let list = match node.value {
            Yaml::List(list) => Ok(list),
            Yaml::Scalar(_) | Yaml::Map(_) => Err("must be a list".to_owned()),
        };
        let items = reader.noted(list, place)?.into_iter().enumerate();
        let read = items.filter_map(|(index, node)| {
            let place = place.item(index, &node);
            T::read(node, &place, reader)
        });
        Some(read.collect())
    }
}

impl<T: Read> Read for IndexMap<String, T> {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let members = reader.map(node, place)?.into_iter();
        let read = members.filter_map(|(name, node)| {
            let place = place.member(&name.value, &node);
            Some((name.value, T::read(node, &place, reader)?))
        });
        Some(read.collect())
    }
}

impl Read for String {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let text = reader.written(&node);
        reader.noted(text.ok_or_else(|| "must be a text".to_owned()), place)
    }
}

impl Read for bool {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let value = match node.value {
            Yaml::Scalar(Value::Bool(value)) => Ok(value),
            Yaml::Scalar(_) | Yaml::List(_) | Yaml::Map(_) => Err("must be `true` or `false`".to_owned()),
        };
        reader.noted(value, place)
    }
}

impl Read for u32 {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let number = match &node.value {
            Yaml::Scalar(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
            Yaml::List(_) | Yaml::Map(_) => None,
        };
        reader.noted(number.ok_or_else(|| "must be a whole number".to_owned()), place)
    }
}

impl Read for Value {
    fn read(node: Node, _place: &Place, _reader: &mut Reader) -> Option<Self> {
        Some(node.value.into_json())
    }
}
