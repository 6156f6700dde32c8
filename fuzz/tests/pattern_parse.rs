//! Can any text make the reader of patterns panic, or a pattern that it accepts?

use std::time::Duration;

use kulkul_pattern::{Equality, Pattern, PatternError, PatternOptions};

const SEEDS: &[&str] = &[
    r#"{"source":["acs.oss",{"prefix":"acs."}],"data":{"a":{"b":[null,true,1.5e3]},"c":[{"exists":false}]}}"#,
    r#"{"data":{"n":[{"numeric":[">",0,"<=",5]}],"ip":[{"cidr":"10.0.0.0/24"},{"cidr":"2001:db8::/32"}]}}"#,
    r#"{"$or":[{"source":["a"]},{"data":{"$or":[{"x":[1]},{"y":[2]}]}}],"type":[{"anything-but":["a",1]}]}"#,
    r#"{"type":[{"anything-but":{"wildcard":["a*","\\**b"]}},{"prefix":{"equals-ignore-case":"É"},"suffix":"z"}]}"#,
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
    b"\\u00e9",
    b"\\ud800",
    b"0",
    b"-1e-9",
    b"null",
    b" ",
    b"\n",
    b"[]",
    b"{}",
    b"\"data\":{",
    b"\"$or\":[",
    b"\"a\"",
    b"\"\"",
    b"[\"a\"]",
    b"{\"exists\":true}",
    b"{\"contains\":\"x\"}",
    b"\"wildcard\":\"*\"",
    b"\"numeric\":[\"=\",3]",
    b"\"anything-but\":",
    b"\"cidr\":\"1.2.3.4\"",
    b"\xe4\xb8\xad",
    b"\xff",
    b"\x00",
];

#[test]
fn pattern_parse() {
    bolero::check!()
        .with_test_time(Duration::from_secs(2))
        .with_iterations(20_000)
        .with_max_len(64)
        .for_each(|random: &[u8]| {
            let text = kulkul_fuzz::edited(SEEDS, PIECES, random);
            read(&String::from_utf8_lossy(&text));
            read(&String::from_utf8_lossy(random));
        });
}

fn read(text: &str) {
    for equality in [Equality::Lexical, Equality::Numeric] {
        for strict in [false, true] {
            let options = PatternOptions { equality, strict, ..PatternOptions::default() };
            match Pattern::parse(text, &options) {
                Ok(pattern) => use_it(&pattern),
                Err(PatternError::Schema { path, .. }) => assert!(path.starts_with('$'), "{path}"),
                Err(PatternError::Empty | PatternError::TooLong { .. }) => {}
            }
        }
    }
}

fn use_it(pattern: &Pattern) {
    let event = br#"{"source":"acs.oss","type":["a","Xz"],"data":{"a":{"b":1500,"x":null},"n":3,"ip":"10.0.0.1","y":2}}"#;
    let matches = pattern.matches(event);
    assert_eq!(pattern.explain(event).matched, matches, "{}", pattern.text());
}
