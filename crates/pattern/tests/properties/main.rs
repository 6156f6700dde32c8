//! Properties: every way to match says what a naive reading of the rules says.

mod generate;
mod naive;

use std::collections::BTreeMap;
use std::sync::Arc;

use kulkul_pattern::{Equality, Index, Pattern, PatternOptions, SharedIndex};
use proptest::prelude::*;

fn read(text: &str, equality: Equality) -> Arc<Pattern> {
    let options = PatternOptions { equality, ..PatternOptions::default() };
    Arc::new(Pattern::parse(text, &options).unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn found<K: Clone + Eq + std::hash::Hash + Ord>(index: &Index<K>, event: &str) -> Vec<K> {
    let mut keys = Vec::new();
    index.matching(event.as_bytes(), &mut keys);
    keys.sort();
    keys
}

fn equality() -> impl Strategy<Value = Equality> {
    prop_oneof![Just(Equality::Lexical), Just(Equality::Numeric)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn matching_explaining_and_the_index_agree_with_the_rules(
        patterns in proptest::collection::vec((generate::pattern(), equality()), 1..12),
        events in proptest::collection::vec(generate::event(), 1..6),
    ) {
        let mut index = Index::default();
        let shared = SharedIndex::default();
        let patterns: Vec<_> = patterns.iter().map(|(text, equality)| (read(text, *equality), *equality)).collect();
        for (key, (pattern, _)) in patterns.iter().enumerate() {
            index.insert(key, Arc::clone(pattern)).unwrap();
            shared.insert(key, Arc::clone(pattern)).unwrap();
        }
        for event in &events {
            let mut expected = Vec::new();
            for (key, (pattern, equality)) in patterns.iter().enumerate() {
                let verdict = naive::matches(pattern.text(), event, *equality);
                let text = pattern.text();
                prop_assert_eq!(pattern.matches(event.as_bytes()), verdict, "{} on {} ({:?})", text, event, equality);
                let explanation = pattern.explain(event.as_bytes());
                prop_assert_eq!(explanation.matched, verdict, "{} on {}: {}", text, event, explanation);
                if verdict {
                    expected.push(key);
                }
            }
            prop_assert_eq!(found(&index, event), expected.clone(), "{}", event);
            let mut keys = Vec::new();
            shared.matching(event.as_bytes(), &mut keys);
            keys.sort_unstable();
            prop_assert_eq!(keys, expected, "{}", event);
        }
    }

    #[test]
    fn the_index_follows_inserts_and_removes_in_any_order(
        changes in proptest::collection::vec((0..6_u8, proptest::option::weighted(0.6, generate::pattern())), 1..30),
        equality in equality(),
        event in generate::event(),
    ) {
        let mut index = Index::default();
        let mut expected = BTreeMap::new();
        for (key, change) in changes {
            match change {
                Some(text) => {
                    let pattern = read(&text, equality);
                    index.insert(key, Arc::clone(&pattern)).unwrap();
                    expected.insert(key, pattern);
                }
                None => prop_assert_eq!(index.remove(&key), expected.remove(&key).is_some()),
            }
            let matching = expected.iter().filter(|(_, pattern)| naive::matches(pattern.text(), &event, equality));
            prop_assert_eq!(found(&index, &event), matching.map(|(key, _)| *key).collect::<Vec<_>>());
            prop_assert_eq!(index.stats().patterns, expected.len());
            prop_assert_eq!(index.get(&key).map(|pattern| pattern.text()), expected.get(&key).map(|p| p.text()));
        }
        for key in expected.into_keys() {
            prop_assert!(index.remove(&key));
        }
        let stats = index.stats();
        prop_assert_eq!((stats.patterns, stats.under_presence, stats.rest), (0, 0, 0));
        prop_assert!(found(&index, &event).is_empty());
    }

    #[test]
    fn no_bytes_make_any_of_it_panic(
        text in proptest::collection::vec(proptest::sample::select(br#"{}[]",:\/u00d8ea1.-+nullstructdaofp $"#.to_vec()), 0..80),
        pattern in generate::pattern(),
    ) {
        let pattern = read(&pattern, Equality::Lexical);
        let matched = pattern.matches(&text);
        prop_assert_eq!(pattern.explain(&text).matched, matched);
        if let Ok(text) = std::str::from_utf8(&text) {
            let _ = Pattern::parse(text, &PatternOptions::default());
        }
    }
}

#[test]
fn a_cut_event_matches_nothing() {
    let event = r#"{"source":"a","data":{"a":["b",{"c":1}],"d":"\u00e9"},"subject":"x"}"#;
    let pattern = read("{}", Equality::Lexical);
    assert!(pattern.matches(event.as_bytes()));
    for end in 0..event.len() {
        assert!(!pattern.matches(&event.as_bytes()[..end]), "{}", &event[..end]);
    }
}

#[test]
fn deep_events_are_skipped_without_recursion() {
    let deep = 1_000_000;
    let event = format!(r#"{{"data":{{"a":{}1{},"b":"x"}}}}"#, "[".repeat(deep), "]".repeat(deep));
    for text in [r#"{"data":{"b":["x"]}}"#, r#"{"data":{"b":["x"],"a":[{"exists":true}]}}"#] {
        assert!(read(text, Equality::Lexical).matches(event.as_bytes()), "{text}");
    }
    let event = "{\"data\":".repeat(deep);
    assert!(!read(r#"{"data":{"data":{"data":["x"]}}}"#, Equality::Lexical).matches(event.as_bytes()));
}
