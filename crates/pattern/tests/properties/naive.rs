//! The rules of the language, written down as directly as possible: trees, recursion, and no thought of speed.
//!
//! It reads the JSON of the pattern itself and shares nothing with the crate under test.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kulkul_pattern::Equality;
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// Reads valid JSON and keeps number literals. Of equal keys the last counts.
fn read(text: &str) -> Json {
    match text.trim_start().as_bytes()[0] {
        b'{' => {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
            Json::Object(members.into_iter().map(|(key, value)| (key, read(value.get()))).collect())
        }
        b'[' => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
            Json::Array(elements.iter().map(|element| read(element.get())).collect())
        }
        b'"' => Json::String(serde_json::from_str(text).unwrap()),
        b't' => Json::Bool(true),
        b'f' => Json::Bool(false),
        b'n' => Json::Null,
        _ => Json::Number(text.trim().to_owned()),
    }
}

/// Says whether the event matches the pattern, both of which must be valid.
pub(crate) fn matches(pattern: &str, event: &str, equality: Equality) -> bool {
    let (Json::Object(pattern), Json::Object(event)) = (read(pattern), read(event)) else {
        panic!("not objects")
    };
    event_holds(&pattern, &event, equality)
}

fn event_holds(pattern: &BTreeMap<String, Json>, event: &BTreeMap<String, Json>, equality: Equality) -> bool {
    pattern.iter().all(|(key, demand)| match demand {
        Json::Object(inner) if key == "data" => object_holds(inner, event.get("data"), equality),
        Json::Array(alternatives) if key == "$or" && is_choice(alternatives) => {
            alternatives.iter().any(|alternative| event_holds(as_object(alternative), event, equality))
        }
        Json::Array(entries) => field_holds(entries, event.get(key), equality),
        other => panic!("{other:?}"),
    })
}

fn object_holds(pattern: &BTreeMap<String, Json>, found: Option<&Json>, equality: Equality) -> bool {
    let empty = BTreeMap::new();
    let members = match found {
        Some(Json::Object(members)) => members,
        _ => &empty,
    };
    pattern.iter().all(|(key, demand)| match demand {
        Json::Object(inner) => object_holds(inner, members.get(key), equality),
        Json::Array(alternatives) if key == "$or" && is_choice(alternatives) => {
            alternatives.iter().any(|alternative| object_holds(as_object(alternative), found, equality))
        }
        Json::Array(entries) => field_holds(entries, members.get(key), equality),
        other => panic!("{other:?}"),
    })
}

/// The generated patterns use only field names below `$or` that are no operators, or only operators.
fn is_choice(alternatives: &[Json]) -> bool {
    let operators = ["prefix", "suffix", "contains", "anything-but", "numeric", "cidr", "exists"];
    alternatives.iter().all(|alternative| match alternative {
        Json::Object(members) => members.keys().all(|key| !operators.contains(&key.as_str())),
        _ => false,
    })
}

fn as_object(json: &Json) -> &BTreeMap<String, Json> {
    match json {
        Json::Object(members) => members,
        other => panic!("{other:?}"),
    }
}

fn field_holds(entries: &[Json], found: Option<&Json>, equality: Equality) -> bool {
    let scalars: Vec<&Json> = match found {
        None | Some(Json::Object(_)) => Vec::new(),
        Some(Json::Array(elements)) => {
            elements.iter().filter(|element| !matches!(element, Json::Array(_) | Json::Object(_))).collect()
        }
        Some(scalar) => vec![scalar],
    };
    entries.iter().any(|entry| match entry {
        Json::Object(operators) => {
            let exists_agrees = match operators.get("exists") {
                Some(Json::Bool(expected)) => *expected == found.is_some(),
                _ => true,
            };
            let others: Vec<_> = operators.iter().filter(|(name, _)| *name != "exists").collect();
            let passes = |scalar: &&Json| {
                others.iter().all(|(name, operand)| operator_holds(name, operand, scalar, equality))
            };
            exists_agrees && (others.is_empty() || scalars.iter().any(passes))
        }
        value => scalars.iter().any(|scalar| equal(value, scalar, equality)),
    })
}

fn equal(pattern: &Json, event: &Json, equality: Equality) -> bool {
    match equality {
        Equality::Lexical => match (text(pattern), text(event)) {
            (Some(pattern), Some(event)) => pattern == event,
            (None, None) => true,
            _ => false,
        },
        Equality::Numeric => match (pattern, event) {
            // The generated numbers are all exact as doubles.
            (Json::Number(pattern), Json::Number(event)) => number(pattern) == number(event),
            _ => pattern == event,
        },
    }
}

fn text(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(text) | Json::String(text) => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

fn number(literal: &str) -> f64 {
    literal.parse().unwrap()
}

fn operator_holds(name: &str, operand: &Json, scalar: &Json, equality: Equality) -> bool {
    match (name, operand) {
        ("anything-but", Json::Object(inner)) => {
            let (name, operand) = inner.iter().next().unwrap();
            let operands = match operand {
                Json::Array(operands) => operands.clone(),
                one => vec![one.clone()],
            };
            !operands.iter().any(|operand| operator_holds(name, operand, scalar, equality))
        }
        ("anything-but", Json::Array(values)) => !values.iter().any(|value| equal(value, scalar, equality)),
        ("anything-but", value) => !equal(value, scalar, equality),
        ("numeric", Json::Array(comparisons)) => match scalar {
            Json::Number(literal) => comparisons.chunks(2).all(|pair| compare(number(literal), pair)),
            _ => false,
        },
        (name, operand) => match scalar {
            Json::String(text) => text_operator_holds(name, operand, text),
            _ => false,
        },
    }
}

fn compare(value: f64, pair: &[Json]) -> bool {
    let [Json::String(operator), Json::Number(operand)] = pair else { panic!("{pair:?}") };
    let operand = number(operand);
    let equal = (value - operand).abs() < 1e-7;
    match operator.as_str() {
        "=" => equal,
        "!=" => !equal,
        ">" => value > operand && !equal,
        ">=" => value > operand || equal,
        "<" => value < operand && !equal,
        "<=" => value < operand || equal,
        other => panic!("{other}"),
    }
}

fn text_operator_holds(name: &str, operand: &Json, text: &str) -> bool {
    match (name, operand) {
        ("prefix", Json::String(start)) => text.starts_with(start),
        ("suffix", Json::String(end)) => text.ends_with(end),
        ("contains", Json::String(piece)) => text.contains(piece),
        ("wildcard", Json::String(wildcard)) => {
            wildcard_fits(&wildcard.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
        }
        ("equals-ignore-case", Json::String(other)) => lower(text) == lower(other),
        ("prefix", Json::Object(inner)) => lower(text).starts_with(&lower(&ignored_case(inner))),
        ("suffix", Json::Object(inner)) => lower(text).ends_with(&lower(&ignored_case(inner))),
        ("cidr", Json::String(block)) => {
            let (network, bits) = block.split_once('/').unwrap_or((block, ""));
            let (Ok(network), Ok(address)) = (network.parse::<IpAddr>(), text.parse::<IpAddr>()) else {
                return false;
            };
            let (network, address) = (binary(network), binary(address));
            let bits = if bits.is_empty() { network.len() } else { bits.parse().unwrap() };
            network.len() == address.len() && network[..bits] == address[..bits]
        }
        other => panic!("{other:?}"),
    }
}

fn ignored_case(inner: &BTreeMap<String, Json>) -> String {
    text(&inner["equals-ignore-case"]).unwrap()
}

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn binary(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
        IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
    }
}

fn wildcard_fits(wildcard: &[char], text: &[char]) -> bool {
    match (wildcard, text) {
        ([], text) => text.is_empty(),
        (['*', rest @ ..], text) => (0..=text.len()).any(|skipped| wildcard_fits(rest, &text[skipped..])),
        (['\\', literal, rest @ ..], [first, text @ ..]) | ([literal, rest @ ..], [first, text @ ..]) => {
            literal == first && wildcard_fits(rest, text)
        }
        (_, []) => false,
    }
}
