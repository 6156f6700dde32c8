//! Many patterns in one index: more keys, lengths of texts and changes than the small properties reach.

use std::sync::Arc;

use kulkul_pattern::{Index, IndexLimits, InsertError, Pattern, PatternOptions};

fn pattern(text: &str) -> Arc<Pattern> {
    Arc::new(
        Pattern::parse(text, &PatternOptions::default()).unwrap_or_else(|error| panic!("{text}: {error}")),
    )
}

/// A pattern of one of several shapes, with texts of many lengths and fields of many names.
fn pattern_number(number: usize) -> Arc<Pattern> {
    let long = "abcdefghij".repeat(30);
    let (start, end) = (&long[..1 + number % 250], &long[300 - (1 + number % 200)..]);
    pattern(&match number % 6 {
        0 => format!(r#"{{"subject":[{{"prefix":"{start}"}}],"data":{{"n{}":[1,2]}}}}"#, number % 40),
        1 => format!(r#"{{"subject":[{{"suffix":"{end}"}}]}}"#),
        2 => format!(r#"{{"type":["common"],"data":{{"key number {number}":[{{"exists":true}}]}}}}"#),
        3 => format!(r#"{{"type":["common"],"source":["s{}"]}}"#, number % 20),
        4 => format!(r#"{{"$or":[{{"source":["s{}"]}},{{"data":{{"n1":[{number}]}}}}]}}"#, number % 30),
        _ => format!(
            r#"{{"data":{{"deep":{{"k{}":{{"x":["{start}",{{"prefix":"{end}"}}]}}}}}}}}"#,
            number % 100
        ),
    })
}

fn event_number(number: usize) -> String {
    let long = "abcdefghij".repeat(30);
    format!(
        r#"{{"type":"{}","source":"s{}","subject":"{}","data":{{"key number {number}":null,"n{}":{},"deep":{{"k{}":{{"x":"{}"}}}}}}}}"#,
        ["common", "rare"][number % 2],
        number % 35,
        &long[number % 10..300 - number % 7],
        number % 45,
        number % 5,
        number % 100,
        &long[..1 + number % 250],
    )
}

fn assert_agrees(index: &Index<usize>, patterns: &[(usize, Arc<Pattern>)]) {
    let mut matches = 0;
    for number in 0..60 {
        let event = event_number(number);
        let expected: Vec<usize> = patterns
            .iter()
            .filter(|(_, pattern)| pattern.matches(event.as_bytes()))
            .map(|&(key, _)| key)
            .collect();
        let mut found = Vec::new();
        index.matching(event.as_bytes(), &mut found);
        found.sort_unstable();
        assert_eq!(found, expected, "{event}");
        matches += found.len();
    }
    assert!(matches > 60, "the events have something to do with the patterns");
}

#[test]
fn the_index_agrees_with_each_pattern_while_many_come_and_go() {
    let mut index = Index::default();
    let mut patterns: Vec<_> = (0..1_500).map(|key| (key, pattern_number(key))).collect();
    for (key, pattern) in &patterns {
        index.insert(*key, Arc::clone(pattern)).unwrap();
    }
    assert_agrees(&index, &patterns);

    patterns.retain(|(key, _)| key % 3 == 0);
    (0..1_500).filter(|key| key % 3 != 0).for_each(|key| assert!(index.remove(&key)));
    assert_agrees(&index, &patterns);

    for (key, pattern) in &mut patterns {
        *pattern = pattern_number(*key + 1);
        index.insert(*key, Arc::clone(pattern)).unwrap();
    }
    assert_agrees(&index, &patterns);
    assert_eq!(index.stats().patterns, patterns.len());
}

#[test]
fn patterns_without_a_text_are_limited_and_counted() {
    let mut index = Index::new(IndexLimits { without_text_max: 2 });
    index.insert("any", pattern("{}")).unwrap();
    index.insert("present", pattern(r#"{"data":{"n":[{"numeric":[">",1]}]}}"#)).unwrap();
    let stats = index.stats();
    assert_eq!((stats.patterns, stats.under_presence, stats.rest), (2, 1, 1));

    let absent = pattern(r#"{"subject":[{"exists":false}]}"#);
    let refused = Err(InsertError::TooManyWithoutText { limit: 2 });
    assert_eq!(index.insert("absent", Arc::clone(&absent)), refused);
    assert!(index.get(&"absent").is_none());
    index.insert("text", pattern(r#"{"source":["a"],"data":{"n":[{"numeric":[">",1]}]}}"#)).unwrap();
    index.insert("any", Arc::clone(&absent)).unwrap();
    assert!(index.remove(&"present"));
    index.insert("absent", absent).unwrap();

    let mut found = Vec::new();
    index.matching(br#"{"source":"a","data":{"n":2}}"#, &mut found);
    found.sort_unstable();
    assert_eq!(found, ["absent", "any", "text"]);
}
