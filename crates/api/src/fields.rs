//! A JSON object whose members are looked at one by one, so that an error can name its member.
//!
//! Nothing is copied until a member is taken: a function's code comes as one string of up to 100 MB.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object that have not been taken yet, in order.
#[derive(Debug)]
pub(crate) struct Fields<'a>(Vec<(Text<'a>, &'a RawValue)>);

/// What is wrong with a JSON text, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldError {
    #[error("the body is not a JSON object: {0}")]
    NotAnObject(String),
    #[error("{field}: {problem}")]
    Bad { field: String, problem: String },
    #[error("{0} is required")]
    Missing(&'static str),
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// What is wrong with the shape of a JSON text, without the value that is in the wrong place. That may be a secret, and
/// what is refused is told of in events; and it may be as long as the text.
pub(crate) fn misshapen(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let quoting = ["invalid type: ", "invalid value: "].iter().any(|start| text.starts_with(start));
    match (text.find(['"', '`']), text.rfind(", expected ")) {
        (Some(value), Some(rest)) if quoting && value < rest => {
            format!("{}{}", text[..value].trim_end(), &text[rest..])
        }
        _ => text,
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, FieldError> {
        serde_json::from_slice(json).map_err(|error| FieldError::NotAnObject(misshapen(&error)))
    }

    /// All members that are left, in order.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.0.into_iter().map(|(name, value)| (name.0, value))
    }

    /// Takes a member out. `None` when it is missing or null, which is the same on input.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, field: &str) -> Result<Option<T>, FieldError> {
        match self.take_raw(field) {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|error| FieldError::Bad { field: field.to_owned(), problem: misshapen(&error) }),
            None => Ok(None),
        }
    }

    /// Takes a member out that must be there.
    pub(crate) fn require<T: Deserialize<'a>>(&mut self, field: &'static str) -> Result<T, FieldError> {
        self.take(field)?.ok_or(FieldError::Missing(field))
    }

    /// Refuses what nobody has taken: a member with a typing error in its name must not mean "everything".
    pub(crate) fn none_left(&self) -> Result<(), FieldError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(FieldError::Bad {
                field: name.0.clone().into_owned(),
                problem: "is not known here".to_owned(),
            }),
        }
    }

    /// Takes a member out as text; of one given twice the last counts.
    pub(crate) fn take_raw(&mut self, field: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.0.retain(|(name, value)| {
            let same = name.0 == field;
            if same {
                found = Some(*value);
            }
            !same
        });
        found
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Fields(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_taken_by_name() {
        let mut fields =
            Fields::parse(br#"{"a":1,"b":null,"c":"x\"y","d":"plain","a":2,"e":{"f":[]}}"#).unwrap();
        assert_eq!(fields.take::<i64>("a"), Ok(Some(2)));
        assert_eq!(fields.take::<i64>("a"), Ok(None));
        assert_eq!(fields.take::<i64>("b"), Ok(None));
        assert_eq!(fields.require::<String>("c"), Ok("x\"y".to_owned()));
        assert!(matches!(fields.take::<Text<'_>>("d"), Ok(Some(Text(Cow::Borrowed("plain"))))));
        assert_eq!(fields.require::<i64>("z"), Err(FieldError::Missing("z")));
        assert_eq!(fields.none_left().unwrap_err().to_string(), "e: is not known here");
        let error = fields.take::<i64>("e").unwrap_err().to_string();
        assert!(error.starts_with("e: invalid type: map, expected i64"), "{error}");
        assert_eq!(fields.none_left(), Ok(()));
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_quoted() {
        fn problem<'a, T: Deserialize<'a> + fmt::Debug>(json: &'a str) -> String {
            misshapen(&serde_json::from_str::<T>(json).unwrap_err())
        }
        let table = [
            (
                problem::<i64>(r#""hunter2\", expected a joke""#),
                "invalid type: string, expected i64 at line 1",
            ),
            (problem::<String>("7204"), "invalid type: integer, expected a string at line 1"),
            (problem::<String>("72.04"), "invalid type: floating point, expected a string at line 1"),
            (problem::<u64>("-7204"), "invalid value: integer, expected u64 at line 1"),
            (problem::<String>("{}"), "invalid type: map, expected a string at line 1"),
            (problem::<i64>("{"), "invalid type: map, expected i64 at line 1"),
            (problem::<i64>(""), "EOF while parsing a value at line 1"),
        ];
        for (told, expected) in table {
            assert!(told.starts_with(expected), "{told}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["", "[]", "1", "{", "{} x", "\u{0}"] {
            assert!(matches!(Fields::parse(json.as_bytes()), Err(FieldError::NotAnObject(_))), "{json}");
        }
    }
}
