//! Setting single values of a sample by path.
//!
//! `data.a.b[0]["c.d"]` is a place in the payload, any other first name an attribute. A path must lead through what is
//! there; only its last name may be new, so that a typing error in the middle does not build a second tree beside the
//! real one. Where the sample knows nothing (an empty object), anything may be built.

use serde_json::{Map, Value};

use super::SampleError;

const SEGMENT_COUNT_MAX: usize = 32; // Ours; JSON in samples is a handful deep.
const INDEX_DIGIT_COUNT_MAX: usize = 6;

/// Reads `path=value`. The value is taken as JSON where it is JSON, else as a string: `data.state=Stopped`,
/// `data.size=3`, `data.size="3"`.
pub fn parse_override(text: &str) -> Result<(String, Value), SampleError> {
    let malformed = || SampleError::MalformedOverride { text: text.to_owned() };
    let mut in_quotes = false;
    let is_end = |c: char| {
        in_quotes ^= c == '"';
        c == '=' && !in_quotes
    };
    let end = text.find(is_end).filter(|end| *end > 0).ok_or_else(malformed)?;
    let (path, value) = (&text[..end], &text[end + 1..]);
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((path.to_owned(), value))
}

/// An override whose path has been read.
pub(super) struct Override<'a> {
    path: &'a str,
    names: Vec<String>,
    value: &'a Value,
}

pub(super) fn split(overrides: &[(String, Value)]) -> Result<Vec<Override<'_>>, SampleError> {
    let mut split = Vec::with_capacity(overrides.len());
    for (path, value) in overrides {
        let names = names(path).map_err(|reason| impossible(path, reason))?;
        split.push(Override { path, names, value });
    }
    Ok(split)
}

/// Sets what lies in `data`.
pub(super) fn apply(data: &mut Value, overrides: &[Override<'_>]) -> Result<(), SampleError> {
    let written = data.clone();
    for set in overrides.iter().filter(|set| set.names[0] == "data") {
        set_member(data, Some(&written), &set.names, set.value.clone())
            .map_err(|reason| impossible(set.path, reason))?;
    }
    Ok(())
}

/// Sets attributes. `null` takes an optional one away.
pub(super) fn apply_attributes(
    attributes: &mut Map<String, Value>,
    overrides: &[Override<'_>],
) -> Result<(), SampleError> {
    for set in overrides.iter().filter(|set| set.names[0] != "data") {
        check_attribute(&set.names, set.value).map_err(|reason| impossible(set.path, reason))?;
        if set.value.is_null() {
            attributes.shift_remove(&set.names[0]);
        } else {
            attributes.insert(set.names[0].clone(), set.value.clone());
        }
    }
    Ok(())
}

fn impossible(path: &str, reason: String) -> SampleError {
    SampleError::ImpossiblePath { path: path.to_owned(), reason }
}

fn names(path: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = path;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if end == 0 {
            return Err("a name is missing".to_owned());
        }
        names.push(rest[..end].to_owned());
        rest = &rest[end..];
        while let Some(inner) = rest.strip_prefix('[') {
            let (name, after) = match inner.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\"]"),
                None => inner.split_once(']'),
            }
            .ok_or("a bracket is not closed")?;
            names.push(name.to_owned());
            rest = after;
        }
        if names.len() > SEGMENT_COUNT_MAX {
            return Err(format!("it has more than {SEGMENT_COUNT_MAX} names"));
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(names),
            None => return Err(format!("`{rest}` follows a bracket")),
        }
    }
}

/// Walks down `names[1..]`. `written` is what the sample itself has at the same place.
fn set_member(
    data: &mut Value,
    mut written: Option<&Value>,
    names: &[String],
    value: Value,
) -> Result<(), String> {
    let mut place = data;
    for (index, name) in names.iter().enumerate().skip(1) {
        let is_last = index + 1 == names.len();
        let here = || names[..index].join(".");
        let is_free = written.is_none_or(|value| value.as_object().is_some_and(Map::is_empty));
        place = match place {
            Value::Object(members) => {
                if !is_last && !is_free && !members.contains_key(name) {
                    return Err(format!("`{}` has no member `{name}`; it has {}", here(), list(members)));
                }
                members.entry(name.as_str()).or_insert_with(|| Value::Object(Map::new()))
            }
            Value::Array(items) => {
                let count = items.len();
                match position(name) {
                    Some(at) if at < count => &mut items[at],
                    Some(at) if at == count && is_last => {
                        items.push(Value::Null);
                        &mut items[at]
                    }
                    Some(at) => return Err(format!("`{}` has {count} items and no item {at}", here())),
                    None => {
                        return Err(format!("`{}` is a list, and `{name}` is not a position in it", here()));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(format!("`{}` is {}, which has no members", here(), kind(place)));
            }
        };
        written = written.and_then(|value| match position(name) {
            Some(at) if value.is_array() => value.get(at),
            _ => value.get(name),
        });
    }
    *place = value;
    Ok(())
}

fn position(name: &str) -> Option<usize> {
    (name.len() <= INDEX_DIGIT_COUNT_MAX).then(|| name.parse().ok()).flatten()
}

fn list(members: &Map<String, Value>) -> String {
    members.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The rules of CloudEvents 1.0, and the limits of EventBridge, "Event overview".
fn check_attribute(names: &[String], value: &Value) -> Result<(), String> {
    let name = &names[0];
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if name.len() > 64 || !name.bytes().all(legal) {
        let rule = "an attribute has a name of 1 to 64 lower-case letters and digits";
        return Err(format!("{rule}; paths in the payload begin with `data.`"));
    }
    if names.len() > 1 {
        return Err(format!("`{name}` is an attribute, which has no members"));
    }
    let text_max = match name.as_str() {
        "specversion" | "type" => return Err("it is decided by the choice of the type".to_owned()),
        "id" | "source" => Some((128, true)),
        "subject" => Some((512, false)),
        "time" => Some((64, false)),
        "datacontenttype" | "dataschema" => Some((1024, false)),
        _ => None,
    };
    match (value, text_max) {
        (Value::Null, Some((_, true))) => Err("it is required".to_owned()),
        (Value::Null, _) | (Value::Bool(_) | Value::Number(_), None) => Ok(()),
        (Value::String(text), None) if !text.chars().any(char::is_control) => Ok(()),
        (Value::String(text), Some((max, _))) => match text.chars().count() {
            count if count == 0 || count > max => Err(format!("it takes 1 to {max} characters")),
            _ if text.chars().any(char::is_control) => Err("it takes no control characters".to_owned()),
            _ => Ok(()),
        },
        _ => Err(format!("an attribute cannot be {}", kind(value))),
    }
}
