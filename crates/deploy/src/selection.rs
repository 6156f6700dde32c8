//! Which events a trigger wants, in the words of a person, and the pattern that says the same.

use kulkul_pattern::{Pattern, PatternError, PatternOptions};
use serde_json::{Map, Value, json};

mod keys;
mod wildcard;

/// Which events a trigger wants. All conditions must hold; of the values of one condition, any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Event sources, such as `acs.oss`. `*` stands for any text, here and in types and matches.
    pub sources: Vec<String>,
    /// Event types, such as `oss:ObjectCreated:*`.
    pub types: Vec<String>,
    /// Names of buckets; for the source `acs.oss`, like everything about keys.
    pub buckets: Vec<String>,
    /// What the key of the object may start with.
    pub key_prefixes: Vec<String>,
    /// What the key of the object may end with.
    pub key_suffixes: Vec<String>,
    /// What the key of the object must not start with.
    pub key_prefixes_not: Vec<String>,
    /// Other fields, each with one wanted scalar: `data.state` and `"Stopped"`. One path may come several times.
    pub matches: Vec<(String, Value)>,
}

/// Why a selection is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// It would select every event.
    #[error("nothing says which events are meant: name a source, a type or a pattern")]
    Everything,
    /// One of its texts is empty.
    #[error("{what} must not be empty")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// It speaks of objects, but not of the source that has them.
    #[error("buckets and keys are those of objects: they go with the source `acs.oss` alone")]
    NotObjects,
    /// A path names no field.
    #[error(
        "`{path}` is not the path of a field: it must be an attribute, such as `subject`, or begin with `data.`"
    )]
    Path {
        /// The path.
        path: String,
    },
    /// Two conditions speak of the same field, or of a field and what is inside it.
    #[error("`{path}` has a condition already")]
    Twice {
        /// The path.
        path: String,
    },
    /// The server would refuse the pattern.
    #[error("the pattern is not valid: {0}")]
    Pattern(String),
}

/// The source of the events of objects.
const OBJECTS: &str = "acs.oss";

/// Reads a pattern as the server will, so that what is wrong is said before anything is changed.
pub fn check_pattern(text: &str) -> Result<(), PatternError> {
    Pattern::parse(text, &options()).map(drop)
}

/// The server's own bounds: many prefixes and suffixes make one long list.
fn options() -> PatternOptions {
    PatternOptions { length_max: 256 << 10, operators_max: usize::MAX, ..PatternOptions::default() }
}

impl Selection {
    /// Whether nothing is selected by it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The pattern that an event matches exactly when it is selected.
    pub fn pattern(&self) -> Result<Value, SelectionError> {
        self.check()?;
        let mut pattern = Map::new();
        for (name, texts) in [("source", &self.sources), ("type", &self.types)] {
            // A lone star among the wanted values asks for nothing: every event has a source and a type.
            if !texts.is_empty() && !texts.iter().any(|text| text == "*") {
                pattern.insert(name.to_owned(), wildcard::entries(texts));
            }
        }
        if !self.buckets.is_empty() {
            put(&mut pattern, "data.oss.bucket.name", json!(self.buckets))?;
        }
        if let Some(entries) = keys::entries(&self.key_prefixes, &self.key_suffixes, &self.key_prefixes_not) {
            put(&mut pattern, "data.oss.object.key", entries)?;
        }
        for (path, scalars) in self.grouped_matches() {
            put(&mut pattern, path, wildcard::scalar_entries(&scalars))?;
        }
        if pattern.is_empty() {
            return Err(SelectionError::Everything);
        }
        let pattern = Value::Object(pattern);
        check_pattern(&pattern.to_string()).map_err(|error| SelectionError::Pattern(error.to_string()))?;
        Ok(pattern)
    }

    fn check(&self) -> Result<(), SelectionError> {
        let texts = [
            ("a source", &self.sources),
            ("a type", &self.types),
            ("a bucket", &self.buckets),
            ("a prefix", &self.key_prefixes),
            ("a suffix", &self.key_suffixes),
            ("a prefix that is not wanted", &self.key_prefixes_not),
        ];
        for (what, texts) in texts {
            if texts.iter().any(String::is_empty) {
                return Err(SelectionError::Empty { what });
            }
        }
        let about_objects = [&self.buckets, &self.key_prefixes, &self.key_suffixes, &self.key_prefixes_not];
        if about_objects.iter().any(|texts| !texts.is_empty()) && self.sources != [OBJECTS] {
            return Err(SelectionError::NotObjects);
        }
        Ok(())
    }

    /// The wanted values of each path, in the order in which the paths came first.
    fn grouped_matches(&self) -> Vec<(&str, Vec<&Value>)> {
        let mut grouped: Vec<(&str, Vec<&Value>)> = Vec::new();
        for (path, scalar) in &self.matches {
            match grouped.iter_mut().find(|(known, _)| known == path) {
                Some((_, scalars)) => scalars.push(scalar),
                None => grouped.push((path, vec![scalar])),
            }
        }
        grouped
    }
}

/// The scalar that a person means: a number, `true`, `false` or `null` where the text is one in JSON, else the text.
pub fn scalar(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_number() || value.is_boolean() || value.is_null() => value,
        _ => text.into(),
    }
}

/// Puts the entries of a field into a pattern, with the objects around it.
fn put(pattern: &mut Map<String, Value>, path: &str, entries: Value) -> Result<(), SelectionError> {
    let segments: Vec<&str> = path.split('.').collect();
    // Fields within fields exist under `data` only, and `data` itself is no field.
    let is_field = match segments[..] {
        ["data"] => false,
        ["data", ..] => true,
        [_] => true,
        _ => false,
    };
    if !is_field || segments.iter().any(|segment| segment.is_empty()) {
        return Err(SelectionError::Path { path: path.to_owned() });
    }
    let (last, parents) = segments.split_last().expect("splitting gives at least one piece");
    let mut place = pattern;
    for parent in parents {
        let inner = place.entry(*parent).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else { return Err(SelectionError::Twice { path: path.to_owned() }) };
        place = inner;
    }
    if place.insert((*last).to_owned(), entries).is_some() {
        return Err(SelectionError::Twice { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn photos() -> Selection {
        Selection {
            sources: list(&["acs.oss"]),
            types: list(&["oss:ObjectCreated:*"]),
            ..Selection::default()
        }
    }

    fn object(bucket: &str, key: &str) -> String {
        json!({"source": "acs.oss", "type": "oss:ObjectCreated:PutObject",
            "data": {"oss": {"bucket": {"name": bucket}, "object": {"key": key}}}})
        .to_string()
    }

    fn matches(selection: &Selection, event: &str) -> bool {
        let pattern = selection.pattern().unwrap().to_string();
        Pattern::parse(&pattern, &options()).unwrap().matches(event.as_bytes())
    }

    #[test]
    fn a_selection_has_one_pattern() {
        let table = [
            (photos(), json!({"source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}]})),
            (
                Selection {
                    key_prefixes: list(&["a/", "b/"]),
                    key_suffixes: list(&[".jpg", ".png"]),
                    ..photos()
                },
                json!({"source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}],
                    "data": {"oss": {"object": {"key": [
                        {"prefix": "a/", "suffix": ".jpg"}, {"prefix": "a/", "suffix": ".png"},
                        {"prefix": "b/", "suffix": ".jpg"}, {"prefix": "b/", "suffix": ".png"}]}}}}),
            ),
            (
                Selection { buckets: list(&["photos"]), key_prefixes_not: list(&["small/"]), ..photos() },
                json!({"source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}],
                    "data": {"oss": {"bucket": {"name": ["photos"]},
                        "object": {"key": [{"anything-but": {"prefix": "small/"}}]}}}}),
            ),
            (
                Selection {
                    sources: list(&["acs.ecs", "acs.*"]),
                    types: list(&["*:Instance:StateChange", "ecs:*:Created", "*"]),
                    matches: vec![
                        ("data.state".into(), json!("Stopped")),
                        ("data.size".into(), json!(3)),
                        ("data.state".into(), "Fail*".into()),
                        ("subject".into(), "*/i-1".into()),
                    ],
                    ..Selection::default()
                },
                json!({"source": ["acs.ecs", {"prefix": "acs."}], "data": {"state": ["Stopped", {"prefix": "Fail"}],
                    "size": [3]}, "subject": [{"suffix": "/i-1"}]}),
            ),
        ];
        for (selection, expected) in table {
            assert_eq!(selection.pattern(), Ok(expected), "{selection:?}");
        }
    }

    #[test]
    fn keys_need_one_of_the_prefixes_and_one_of_the_suffixes() {
        let selection = Selection {
            buckets: list(&["in", "more"]),
            key_prefixes: list(&["a/", "b/", "c/d"]),
            key_suffixes: list(&[".jpg", ".png", "z.gif"]),
            key_prefixes_not: list(&["a/small/", "b/small/"]),
            ..photos()
        };
        let table = [
            ("in", "a/x.jpg", true),
            ("in", "a/x.png", true),
            ("more", "b/x.jpg", true),
            ("in", "c/d.png", true),
            ("in", "c/dz.gif", true),
            ("in", "c/x.png", false),
            ("in", "a/x.gif", false),
            ("in", "x.jpg", false),
            ("in", "xa/x.jpg", false),
            ("in", "a/small/x.jpg", false),
            ("in", "b/small/x.png", false),
            ("other", "a/x.jpg", false),
        ];
        for (bucket, key, expected) in table {
            assert_eq!(matches(&selection, &object(bucket, key)), expected, "{bucket}/{key}");
        }
        assert!(!matches(&selection, &object("in", "a/x.jpg").replace("Created", "Removed")));
    }

    #[test]
    fn a_text_that_is_a_scalar_is_that_scalar() {
        let texts = ["3", "true", "null", "007", "\"3\"", "a*", "[1]"];
        let expected =
            [json!(3), json!(true), json!(null), json!("007"), json!("\"3\""), json!("a*"), json!("[1]")];
        assert_eq!(texts.map(scalar), expected);
    }

    #[test]
    fn hundreds_of_prefixes_and_suffixes_are_one_pattern() {
        let many = |stem: &str| (0..40).map(|n| format!("{stem}{n:02}")).collect();
        let selection = Selection { key_prefixes: many("p"), key_suffixes: many("s"), ..photos() };
        assert!(matches(&selection, &object("b", "p39-s00")));
        assert!(!matches(&selection, &object("b", "p40-s00")));
    }

    #[test]
    fn what_selects_nothing_sensible_is_refused_by_name() {
        let table = [
            (Selection::default(), SelectionError::Everything),
            (Selection { types: list(&["*"]), ..Selection::default() }, SelectionError::Everything),
            (Selection { key_prefixes: list(&[""]), ..photos() }, SelectionError::Empty { what: "a prefix" }),
            (
                Selection { sources: list(&["acs.ecs"]), key_suffixes: list(&["x"]), ..photos() },
                SelectionError::NotObjects,
            ),
            (
                Selection { matches: vec![("data".into(), "x".into())], ..photos() },
                SelectionError::Path { path: "data".into() },
            ),
            (
                Selection { matches: vec![("user.name".into(), "x".into())], ..photos() },
                SelectionError::Path { path: "user.name".into() },
            ),
            (
                Selection { matches: vec![("data..x".into(), "x".into())], ..photos() },
                SelectionError::Path { path: "data..x".into() },
            ),
            (
                Selection { matches: vec![("type".into(), "x".into())], ..photos() },
                SelectionError::Twice { path: "type".into() },
            ),
            (
                Selection {
                    matches: vec![("data.a".into(), "x".into()), ("data.a.b".into(), "x".into())],
                    ..photos()
                },
                SelectionError::Twice { path: "data.a.b".into() },
            ),
        ];
        for (selection, expected) in table {
            assert_eq!(selection.pattern(), Err(expected), "{selection:?}");
        }
    }
}
