//! The condition on the key of an object.

use serde_json::{Map, Value};

/// The entries that a key matches when it starts with one of the prefixes, ends with one of the suffixes, and does
/// not start with any of those that are not wanted. `None` when there is no condition.
///
/// One entry for each pair: the operators of one entry must all hold, and any entry is enough.
pub(super) fn entries(prefixes: &[String], suffixes: &[String], prefixes_not: &[String]) -> Option<Value> {
    if prefixes.is_empty() && suffixes.is_empty() && prefixes_not.is_empty() {
        return None;
    }
    let prefixes = or_none(needed(prefixes, |longer, shorter| longer.starts_with(shorter)));
    let suffixes = or_none(needed(suffixes, |longer, shorter| longer.ends_with(shorter)));
    let unwanted = needed(prefixes_not, |longer, shorter| longer.starts_with(shorter));
    let mut entries = Vec::with_capacity(prefixes.len() * suffixes.len());
    for prefix in &prefixes {
        for suffix in &suffixes {
            let mut entry = Map::new();
            entry.extend(prefix.map(|text| ("prefix".to_owned(), text.into())));
            entry.extend(suffix.map(|text| ("suffix".to_owned(), text.into())));
            match unwanted[..] {
                [] => {}
                // The cloud knows this form; the list is ours.
                [one] => entry.extend([("anything-but".to_owned(), serde_json::json!({ "prefix": one }))]),
                _ => entry.extend([("anything-but".to_owned(), serde_json::json!({ "prefix": unwanted }))]),
            }
            entries.push(Value::Object(entry));
        }
    }
    Some(Value::Array(entries))
}

/// The texts without those that a shorter one covers, and without doubles.
fn needed(texts: &[String], covers: impl Fn(&str, &str) -> bool) -> Vec<&str> {
    let mut needed: Vec<&str> = Vec::new();
    for text in texts {
        let is_covered = texts.iter().any(|other| other.len() < text.len() && covers(text, other));
        if !is_covered && !needed.contains(&text.as_str()) {
            needed.push(text);
        }
    }
    needed
}

/// "No condition" is one way to have none.
fn or_none(texts: Vec<&str>) -> Vec<Option<&str>> {
    if texts.is_empty() { vec![None] } else { texts.into_iter().map(Some).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(prefixes: &[&str], suffixes: &[&str], prefixes_not: &[&str]) -> Option<Value> {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        entries(&list(prefixes), &list(suffixes), &list(prefixes_not))
    }

    #[test]
    fn every_pair_is_an_entry() {
        let table = [
            (of(&[], &[], &[]), None),
            (of(&["a/"], &[], &[]), Some(json!([{"prefix": "a/"}]))),
            (of(&[], &[".jpg", ".png"], &[]), Some(json!([{"suffix": ".jpg"}, {"suffix": ".png"}]))),
            (
                of(&["a/"], &[".jpg"], &["a/b/"]),
                Some(json!([{"prefix": "a/", "suffix": ".jpg", "anything-but": {"prefix": "a/b/"}}])),
            ),
            (of(&[], &[], &["a", "b"]), Some(json!([{"anything-but": {"prefix": ["a", "b"]}}]))),
        ];
        for (entries, expected) in table {
            assert_eq!(entries, expected);
        }
    }

    #[test]
    fn what_a_shorter_text_covers_is_left_out() {
        assert_eq!(of(&["a/b", "a/", "a/"], &[], &[]), Some(json!([{"prefix": "a/"}])));
        assert_eq!(of(&[], &["g", ".jpg", ".png"], &[]), Some(json!([{"suffix": "g"}])));
    }
}
