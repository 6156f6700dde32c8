//! What is odd about the sources and types that a pattern names.

use kulkul_catalog::{Catalog, EventSource};
use serde_json::Value;

const COUNT_MAX: usize = 8; // Ours: warnings travel in one header.
const NAME_CHARS_MAX: usize = 64; // Ours.

/// What the catalog does not know of the sources and types that a pattern names whole. Never a reason to refuse: the
/// lists of the cloud are open, and so are ours. ASCII only, at most a few.
///
/// Types are judged only when every named source is known with its types.
pub fn warnings(catalog: &Catalog, pattern: &str) -> Vec<String> {
    let Ok(pattern) = serde_json::from_str::<Value>(pattern) else { return Vec::new() };
    let names = named(&pattern, "source");
    let known: Vec<&EventSource> = names.iter().filter_map(|name| catalog.source(name)).collect();
    let mut warnings: Vec<String> = names
        .iter()
        .filter(|name| catalog.source(name).is_none())
        .map(|name| format!("the catalog has no event source '{}'", shown(name)))
        .collect();
    let judges_types = !names.is_empty()
        && known.len() == names.len()
        && known.iter().all(|source| !source.types().is_empty());
    if judges_types {
        let strange = |kind: &&&str| known.iter().all(|source| source.event_type(kind).is_none());
        let types = named(&pattern, "type");
        warnings.extend(
            types
                .iter()
                .filter(strange)
                .map(|kind| format!("the catalog has no type '{}' of {}", shown(kind), list(&known))),
        );
    }
    warnings.truncate(COUNT_MAX);
    warnings
}

/// The plain values that a pattern lists for an attribute.
fn named<'a>(pattern: &'a Value, attribute: &str) -> Vec<&'a str> {
    let listed = pattern.get(attribute).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn list(sources: &[&EventSource]) -> String {
    let names: Vec<String> =
        sources.iter().take(3).map(|source| format!("'{}'", shown(source.name()))).collect();
    names.join(", ")
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_catalog_does_not_know_is_said() {
        let table: [(&str, &[&str]); 9] = [
            (r#"{"source":["acs.oss"],"type":["oss:ObjectCreated:PutObject"]}"#, &[]),
            (r#"{"source":["acs:oss"]}"#, &[]),
            (r#"{"source":["acs.os"]}"#, &["the catalog has no event source 'acs.os'"]),
            (
                r#"{"source":["acs.oss"],"type":["oss:ObjectCreated:Put",{"prefix":"x"}]}"#,
                &["the catalog has no type 'oss:ObjectCreated:Put' of 'acs.oss'"],
            ),
            (r#"{"source":["sh\u00f6p"],"type":["x"]}"#, &["the catalog has no event source 'sh\\u{f6}p'"]),
            (r#"{"source":[{"prefix":"nobody"}],"type":["x"]}"#, &[]),
            (r#"{"type":["x"]}"#, &[]),
            ("[]", &[]),
            ("{", &[]),
        ];
        for (pattern, expected) in table {
            assert_eq!(warnings(&Catalog::builtin(), pattern), expected, "{pattern}");
        }
    }
}
