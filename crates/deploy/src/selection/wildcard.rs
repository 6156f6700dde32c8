//! Texts with stars as entries of a pattern.

use serde_json::{Value, json};

/// The entries for texts in which `*` stands for any text.
pub(super) fn entries(texts: &[String]) -> Value {
    let mut entries: Vec<Value> = Vec::new();
    for entry in texts.iter().map(|text| entry(text)) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    Value::Array(entries)
}

/// The same for scalars of any type; stars count in texts only.
pub(super) fn scalar_entries(scalars: &[&Value]) -> Value {
    let entries = scalars.iter().map(|scalar| match scalar {
        Value::String(text) => entry(text),
        other => (*other).clone(),
    });
    Value::Array(entries.collect())
}

/// One text. What the cloud has an operator for becomes that operator; only the rest needs `wildcard`.
fn entry(text: &str) -> Value {
    let stars = text.matches('*').count();
    match (stars, text.strip_suffix('*'), text.strip_prefix('*')) {
        (0, ..) => json!(text),
        (1, Some(""), _) => json!({"exists": true}),
        (1, Some(prefix), _) => json!({ "prefix": prefix }),
        (1, _, Some(suffix)) => json!({ "suffix": suffix }),
        _ => json!({ "wildcard": text.replace('\\', r"\\") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_pattern::{Pattern, PatternOptions};

    #[test]
    fn stars_become_the_simplest_operator() {
        let table = [
            ("ecs:Instance:StateChange", json!("ecs:Instance:StateChange")),
            ("oss:ObjectCreated:*", json!({"prefix": "oss:ObjectCreated:"})),
            ("*:ActionTrail:ApiCall", json!({"suffix": ":ActionTrail:ApiCall"})),
            ("oss:*:PutObject", json!({"wildcard": "oss:*:PutObject"})),
            ("*Instance*", json!({"wildcard": "*Instance*"})),
            (r"a\*", json!({"prefix": r"a\"})),
            (r"a\*b", json!({"wildcard": r"a\\*b"})),
            ("*", json!({"exists": true})),
        ];
        for (text, expected) in table {
            assert_eq!(entry(text), expected, "{text}");
        }
    }

    #[test]
    fn the_matcher_reads_a_star_as_any_text() {
        let table = [
            ("oss:*:PutObject", "oss:ObjectCreated:PutObject", true),
            ("oss:*:PutObject", "oss::PutObject", true),
            ("oss:*:PutObject", "oss:ObjectCreated:CopyObject", false),
            (r"a\*b", r"a\xb", true),
            (r"a\*b", "a*b", false),
        ];
        for (text, kind, expected) in table {
            let pattern = json!({"type": entries(&[text.to_owned()])}).to_string();
            let pattern = Pattern::parse(&pattern, &PatternOptions::default()).unwrap();
            let event = json!({"type": kind}).to_string();
            assert_eq!(pattern.matches(event.as_bytes()), expected, "{text} and {kind}");
        }
    }

    #[test]
    fn only_texts_have_stars() {
        let scalars = [json!("a*"), json!(3), json!(null)];
        let entries = scalar_entries(&scalars.iter().collect::<Vec<_>>());
        assert_eq!(entries, json!([{"prefix": "a"}, 3, null]));
    }
}
