//! The table of documented cases: what a pattern says about an event, in both kinds of equality.

use std::sync::Arc;

use kulkul_pattern::{Equality, Index, Pattern, PatternOptions};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Case<'a> {
    id: &'a str,
    #[serde(borrow)]
    pattern: &'a RawValue,
    #[serde(borrow)]
    event: &'a RawValue,
    expect: Expectation,
    expect_numeric: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Expectation {
    Verdict(bool),
    Invalid(Invalid),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Invalid {
    Invalid,
}

fn cases() -> Vec<Case<'static>> {
    let lines = include_str!("data/cases.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

fn verdict(case: &Case<'_>, equality: Equality) -> Expectation {
    let options = PatternOptions { equality, ..PatternOptions::default() };
    let Ok(pattern) = Pattern::parse(case.pattern.get(), &options) else {
        return Expectation::Invalid(Invalid::Invalid);
    };
    let pattern = Arc::new(pattern);
    let event = case.event.get().as_bytes();
    let matches = pattern.matches(event);
    assert_eq!(pattern.explain(event).matched, matches, "{}: the explanation agrees", case.id);
    let mut index = Index::default();
    index.insert((), pattern).unwrap();
    let mut found = Vec::new();
    index.matching(event, &mut found);
    assert_eq!(found.len(), usize::from(matches), "{}: the index agrees", case.id);
    Expectation::Verdict(matches)
}

#[test]
fn all_documented_cases_hold_with_lexical_equality() {
    let cases = cases();
    assert_eq!(cases.len(), 170);
    for case in cases {
        assert_eq!(verdict(&case, Equality::Lexical), case.expect, "case {}", case.id);
    }
}

#[test]
fn all_documented_cases_hold_with_numeric_equality() {
    for case in cases() {
        let expected = case.expect_numeric.map_or(case.expect, Expectation::Verdict);
        assert_eq!(verdict(&case, Equality::Numeric), expected, "case {}", case.id);
    }
}
