//! Can any bytes make the walk over an event panic, or see valid JSON as something else?

use std::sync::Arc;
use std::time::Duration;

use kulkul_pattern::{Index, Pattern, PatternOptions};

const SEEDS: &[&str] = &[
    r#"{"id":"1","source":"acs.oss","type":"t","data":{"a":{"b":[1,"x",{"c":null}]},"c":"\u00e9\"\\","d":-0.5e3}}"#,
    r#" { "data" : { "a" : { "b" : "x" } , "a" : [ ] , "c" : { } } , "source" : [ "b" , true , false ] } "#,
    r#"{"data":"plain text","d\u0061ta":{"c":"a long string with brackets ]]}} and \\\" quotes, longer than a block"}}"#,
];

const PIECES: &[&[u8]] = &[
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\\\",
    b"\\u0061",
    b"\\ud83d\\ude00",
    b"\\udc00",
    b"0",
    b"-1e-9",
    b"null",
    b" ",
    b"\n",
    b"[]",
    b"{}",
    b"\"data\":{",
    b"\"a\":{\"b\":1}",
    b"\"a\"",
    b"\"c\":",
    b",\"source\":\"acs.oss\"",
    b"true",
    b"\xe4\xb8\xad",
    b"\xff",
    b"\x00",
    b"                                                                ",
    b"]]]]]]]]",
    b"[[[[[[[[",
];

const PATTERNS: &[&str] = &[
    "{}",
    r#"{"source":["acs.oss","b",true]}"#,
    r#"{"data":{"a":{"b":[1,{"prefix":"x"}]}}}"#,
    r#"{"data":{"a":[{"exists":true}],"c":[{"exists":false},{"suffix":"\\"},{"anything-but":"q"}]}}"#,
    r#"{"$or":[{"data":{"d":[{"numeric":["<",0]}]}},{"type":["t"]}]}"#,
];

#[test]
fn event_walk() {
    let mut index = Index::default();
    let mut patterns = Vec::new();
    for (key, text) in PATTERNS.iter().enumerate() {
        let pattern = Arc::new(Pattern::parse(text, &PatternOptions::default()).unwrap());
        index.insert(key, Arc::clone(&pattern)).unwrap();
        patterns.push(pattern);
    }
    bolero::check!()
        .with_test_time(Duration::from_secs(2))
        .with_iterations(20_000)
        .with_max_len(64)
        .for_each(|random: &[u8]| {
            walk(&index, &patterns, &kulkul_fuzz::edited(SEEDS, PIECES, random));
            walk(&index, &patterns, random);
        });
}

fn walk(index: &Index<usize>, patterns: &[Arc<Pattern>], event: &[u8]) {
    let mut expected = Vec::new();
    // An independent reader that refuses more than the walk has to notice.
    let is_valid = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(event).is_ok();
    for (key, pattern) in patterns.iter().enumerate() {
        let explanation = pattern.explain(event);
        assert_eq!(explanation.matched, pattern.matches(event));
        assert!(!is_valid || explanation.malformed_at.is_none(), "{explanation}");
        if explanation.matched {
            expected.push(key);
        }
    }
    let mut found = Vec::new();
    index.matching(event, &mut found);
    found.sort_unstable();
    // A walk for several patterns looks at more, so it may notice faults that a walk for one skips.
    assert!(found == expected || (!is_valid && found.is_empty()), "{found:?}, not {expected:?}");
}
