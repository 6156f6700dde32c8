//! Definite JSON paths: those that name one value.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::TransformError;

/// `$`, then `.name`, `['name']`, `["name"]` or `[index]`, any number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

impl FromStr for Path {
    type Err = TransformError;

    fn from_str(text: &str) -> Result<Self, TransformError> {
        let wrong = |problem| TransformError::Path { path: text.chars().take(128).collect(), problem };
        let mut rest = text.strip_prefix('$').ok_or(wrong("must start with `$`"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.as_bytes()[0] {
                b'.' => bare_name(&rest[1..]),
                b'[' => bracket(&rest[1..]),
                _ => Err("has something else than `.` or `[` between its steps"),
            }
            .map_err(wrong)?;
            steps.push(step);
            rest = after;
        }
        Ok(Self(steps))
    }
}

/// A name after a dot: up to the next `.` or `[`.
fn bare_name(text: &str) -> Result<(Step, &str), &'static str> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    match &text[..end] {
        "" | "*" => Err("must name one value; `*` and `..` name several"),
        name => Ok((Step::Member(name.to_owned()), &text[end..])),
    }
}

/// What stands in brackets.
fn bracket(text: &str) -> Result<(Step, &str), &'static str> {
    if let Some(quote) = text.chars().next().filter(|c| *c == '\'' || *c == '"') {
        let (name, after) = text[1..].split_once(quote).ok_or("has a quote that is not closed")?;
        let after = after.strip_prefix(']').ok_or("must name one value; a list of names is not allowed")?;
        return Ok((Step::Member(name.to_owned()), after));
    }
    let (index, after) = text.split_once(']').ok_or("has a bracket that is not closed")?;
    let index =
        index.parse().map_err(|_| "must name one value; in brackets goes an index or a quoted name")?;
    Ok((Step::Element(index), after))
}

impl Path {
    /// The text of the value at this path in a JSON text: the characters of a string, anything else as compact JSON.
    pub fn text_in<'a>(&self, json: &'a str) -> Option<Cow<'a, str>> {
        let mut value = json;
        for step in &self.0 {
            value = step.enter(value)?;
        }
        match value.starts_with('"') {
            true => serde_json::from_str::<Cow<'a, str>>(value).ok(),
            false => Some(Cow::Borrowed(value)),
        }
    }
}

impl Step {
    fn enter<'a>(&self, json: &'a str) -> Option<&'a str> {
        let mut reader = serde_json::Deserializer::from_str(json);
        match self {
            Self::Member(name) if json.starts_with('{') => reader.deserialize_map(Find(name)).ok()?,
            Self::Element(index) if json.starts_with('[') => reader.deserialize_seq(Nth(*index)).ok()?,
            Self::Member(_) | Self::Element(_) => None,
        }
    }
}

/// Finds a member; of several with one name the last one.
struct Find<'n>(&'n str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<&RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Finds an element by its index.
struct Nth(usize);

impl<'de> Visitor<'de> for Nth {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut index = 0;
        while let Some(element) = seq.next_element::<&RawValue>()? {
            if index == self.0 {
                found = Some(element.get());
            }
            index += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_names_that_only_brackets_can_write() {
        let json = r#"{"a.b":{"c-d":[{"x":1},{"x":"y\n"}]},"中":{"k":"v"},"twice":1,"twice":2}"#;
        let table = [
            ("$", Some(json)),
            ("$['a.b'].c-d[0]", Some(r#"{"x":1}"#)),
            (r#"$["a.b"]["c-d"][1].x"#, Some("y\n")),
            ("$.中.k", Some("v")),
            ("$.twice", Some("2")),
            ("$.twice.x", None),
            ("$['a.b'].c-d[2]", None),
            ("$['a.b'][0]", None),
        ];
        for (path, expected) in table {
            let found = path.parse::<Path>().unwrap().text_in(json).map(Cow::into_owned);
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
