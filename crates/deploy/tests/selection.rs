//! The pattern of a selection means what the selection says, for any keys and conditions on them.

use kulkul_deploy::Selection;
use kulkul_pattern::{Pattern, PatternOptions};
use proptest::prelude::*;
use serde_json::json;

/// Short texts of few letters, so that they often begin and end with each other.
fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab/]{1,3}", 0..4)
}

/// The same, said without a pattern.
fn is_meant(selection: &Selection, bucket: &str, key: &str) -> bool {
    let any = |wanted: &[String], holds: &dyn Fn(&str) -> bool| {
        wanted.is_empty() || wanted.iter().any(|text| holds(text))
    };
    any(&selection.buckets, &|name| bucket == name)
        && any(&selection.key_prefixes, &|prefix| key.starts_with(prefix))
        && any(&selection.key_suffixes, &|suffix| key.ends_with(suffix))
        && !selection.key_prefixes_not.iter().any(|prefix| key.starts_with(prefix.as_str()))
}

proptest! {
    #[test]
    fn an_object_matches_exactly_when_it_is_meant(
        buckets in texts(),
        key_prefixes in texts(),
        key_suffixes in texts(),
        key_prefixes_not in texts(),
        bucket in "[ab/]{1,3}",
        key in "[ab/]{1,6}",
    ) {
        let selection = Selection {
            sources: vec!["acs.oss".to_owned()],
            buckets,
            key_prefixes,
            key_suffixes,
            key_prefixes_not,
            ..Selection::default()
        };
        let options = PatternOptions { operators_max: usize::MAX, ..PatternOptions::default() };
        let pattern = Pattern::parse(&selection.pattern().unwrap().to_string(), &options).unwrap();
        let event =
            json!({"source": "acs.oss", "data": {"oss": {"bucket": {"name": bucket}, "object": {"key": key}}}});
        prop_assert_eq!(
            pattern.matches(event.to_string().as_bytes()),
            is_meant(&selection, &bucket, &key),
            "{} and {}/{}", pattern.text(), bucket, key
        );
    }
}
