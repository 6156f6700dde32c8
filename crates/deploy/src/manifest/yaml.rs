//! A file as a tree of values that know where they stand.
//!
//! What is meant is read out of the tree afterwards ([`super::read`]): a deserializer into structs ends at the first
//! thing that does not fit.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{NonFiniteFloatPolicy, Spanned};

use super::Problem;

/// A value, with the place where it is used and the one where it is written.
pub(super) type Node = Spanned<Yaml>;

/// What YAML takes a value for.
#[derive(Debug)]
pub(super) enum Yaml {
    /// A text, a number, `true`, `false` or nothing.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// Members by name, in order of the file; no name is there twice.
    Map(Vec<(Spanned<String>, Node)>),
}

/// Reads a text as YAML, whatever it says.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    // Infinity is a number nowhere else, and a text like others in an environment variable.
    let options = serde_saphyr::options! {
        with_snippet: false,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
        // The message ends with the place, which is said in front.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Problem { line, path: String::new(), text }
    })
}

impl Yaml {
    /// Whether it is `null`, or nothing at all.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Scalar(Value::Null))
    }

    /// The same in JSON.
    pub(super) fn into_json(self) -> Value {
        match self {
            Self::Scalar(value) => value,
            Self::List(list) => list.into_iter().map(|node| node.value.into_json()).collect(),
            Self::Map(map) => {
                let members = map.into_iter().map(|(name, node)| (name.value, node.value.into_json()));
                Value::Object(members.collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Yaml::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Yaml, A::Error> {
        let mut map = Vec::new();
        while let Some(member) = members.next_entry()? {
            map.push(member);
        }
        Ok(Yaml::Map(map))
    }
}
