//! What a wrong pattern is told, and where.

use kulkul_pattern::{DEPTH_LIMIT, Fault, Pattern, PatternError, PatternOptions};

fn error(text: &str, options: &PatternOptions) -> PatternError {
    match Pattern::parse(text, options) {
        Ok(_) => panic!("{text} is accepted"),
        Err(error) => error,
    }
}

#[test]
fn each_fault_is_named_with_its_json_path() {
    let table = [
        (
            r#"{"source":"a"}"#,
            "$.source",
            "the pattern value of a field should be an array of conditions, not a string; write `[…]` around it",
        ),
        (
            r#"{"source":null}"#,
            "$.source",
            "the pattern value of a field should be an array of conditions, not null; write `[…]` around it",
        ),
        (r#"{"source":[]}"#, "$.source", "the array of conditions is empty, so nothing could match"),
        (
            r#"{"source":{"a":["b"]}}"#,
            "$.source",
            "nested pattern value isn't supported here: only `data` has fields of its own",
        ),
        (
            r#"{"source":["a",["b"]]}"#,
            "$.source[1]",
            "nested pattern value isn't supported: a condition is a plain value or an object of operators, not an array",
        ),
        (r#"{"source":[{}]}"#, "$.source[0]", "the pattern condition is empty: it names no operator"),
        (r#"{"data":{}}"#, "$.data", "the data pattern has no key: an empty object matches nothing"),
        (
            r#"{"data":{"a.b":{"c":{}}}}"#,
            "$.data['a.b'].c",
            "the data pattern has no key: an empty object matches nothing",
        ),
        (r#"{"data":["x"]}"#, "$.data", "the data pattern should be a JSON object of fields, not an array"),
        (
            r#"{"data":{"a":1}}"#,
            "$.data.a",
            "the pattern value of a field should be an array of conditions, not a number; write `[…]` around it",
        ),
        (r#"[123]"#, "$", "the pattern should be a JSON object, not an array"),
        (r#""x""#, "$", "the pattern should be a JSON object, not a string"),
        (r#"{"source":[}"#, "$", "the pattern is not a valid JSON string: expected a value at byte 11"),
        (
            r#"{"data":{"state":["x",{"prefix":7}]}}"#,
            "$.data.state[1].prefix",
            "invalid pattern value: `prefix` takes a string, not a number",
        ),
        (
            r#"{"data":{"state":[{"prefix":""}]}}"#,
            "$.data.state[0].prefix",
            "invalid pattern value: `prefix` takes a non-empty string",
        ),
        (
            r#"{"data":{"state":[{"suffix":{"equals-ignore-case":1}}]}}"#,
            "$.data.state[0].suffix.equals-ignore-case",
            "invalid pattern value: `equals-ignore-case` takes a string, not a number",
        ),
        (
            r#"{"data":{"state":[{"suffix":{"prefix":"a"}}]}}"#,
            "$.data.state[0].suffix",
            "invalid pattern value: `suffix` takes a string, or an object with only the key equals-ignore-case, not another object",
        ),
        (
            r#"{"type":[{"Prefix":"x"}]}"#,
            "$.type[0].Prefix",
            "the pattern condition is unrecognized: there is no operator `Prefix`; known are prefix, suffix, contains, anything-but, numeric, cidr, exists, wildcard and equals-ignore-case",
        ),
        (
            r#"{"type":[{"anything-but":[]}]}"#,
            "$.type[0].anything-but",
            "invalid pattern value: the list of `anything-but` is empty",
        ),
        (
            r#"{"type":[{"anything-but":["a",["b"]]}]}"#,
            "$.type[0].anything-but[1]",
            "invalid pattern value: `anything-but` takes a plain value, a list of them or an object, not an array",
        ),
        (
            r#"{"type":[{"anything-but":{"prefix":"a","suffix":"b"}}]}"#,
            "$.type[0].anything-but",
            "the pattern condition is unrecognized: an object in `anything-but` names exactly one operator, not 2",
        ),
        (
            r#"{"type":[{"anything-but":{"numeric":[">",1]}}]}"#,
            "$.type[0].anything-but.numeric",
            "the pattern condition is unrecognized: `anything-but` knows prefix, suffix, contains, wildcard and equals-ignore-case, not `numeric`",
        ),
        (
            r#"{"type":[{"anything-but":{"prefix":["a",1]}}]}"#,
            "$.type[0].anything-but.prefix[1]",
            "invalid pattern value: `prefix` takes a string, not a number",
        ),
        (
            r#"{"type":[{"numeric":5}]}"#,
            "$.type[0].numeric",
            "invalid pattern value: `numeric` takes a list of comparison operators and numbers, not a number",
        ),
        (
            r#"{"type":[{"numeric":[">"]}]}"#,
            "$.type[0].numeric",
            "invalid pattern value: `numeric` takes one or two comparisons, [operator, number] or twice that, not 1 elements",
        ),
        (
            r#"{"type":[{"numeric":[">",1,"==",2]}]}"#,
            "$.type[0].numeric[2]",
            "the numeric operator is not supported: known are =, !=, >, >=, < and <=",
        ),
        (
            r#"{"type":[{"numeric":[">","1"]}]}"#,
            "$.type[0].numeric[1]",
            "invalid pattern value: `numeric` takes a number, not a string",
        ),
        (
            r#"{"type":[{"numeric":[">",1000000000.1]}]}"#,
            "$.type[0].numeric[1]",
            "the numeric value must be between -1.0E9 and 1.0E9 inclusive",
        ),
        (
            r#"{"type":[{"cidr":"10.0.0.0/33"}]}"#,
            "$.type[0].cidr",
            "invalid pattern value: `cidr` takes an address block such as 10.0.0.0/24, or one address",
        ),
        (
            r#"{"type":[{"exists":"true"}]}"#,
            "$.type[0].exists",
            "invalid pattern value: `exists` takes true or false, not a string",
        ),
        (
            r#"{"type":[{"wildcard":"a\\b"}]}"#,
            "$.type[0].wildcard",
            "invalid pattern value: in `wildcard` a backslash may stand only before `*` or another backslash",
        ),
        (r#"{"$or":[{"source":["a"]}]}"#, "$.$or", "`$or` needs at least two alternatives, not 1"),
        (
            r#"{"data":{"a":{"$or":[{"b":[1]},{}]}}}"#,
            "$.data.a.$or[1]",
            "an alternative of `$or` has no key, so it would match everything",
        ),
        (
            r#"{"data":{"$or":[{"b":[1]},{"c":[{"d":1}]}]}}"#,
            "$.data.$or[1].c[0].d",
            "the pattern condition is unrecognized: there is no operator `d`; known are prefix, suffix, contains, anything-but, numeric, cidr, exists, wildcard and equals-ignore-case",
        ),
        (
            r#"{"data":{"a":[{"prefix":"1"},{"prefix":"2"},{"prefix":"3"},{"prefix":"4"},{"prefix":"5"},{"prefix":"6"}]}}"#,
            "$.data.a",
            "the field has 6 operator objects, at most 5 are allowed",
        ),
    ];
    for (text, path, message) in table {
        let error = error(text, &PatternOptions::default());
        assert_eq!(error.to_string(), format!("{message} (at `{path}`)"), "{text}");
    }
}

#[test]
fn an_empty_pattern_is_told_apart() {
    for text in ["", "  \n", "null", " null "] {
        assert_eq!(error(text, &PatternOptions::default()), PatternError::Empty, "{text:?}");
    }
}

#[test]
fn the_length_is_counted_in_characters() {
    let options = PatternOptions { length_max: 20, ..PatternOptions::default() };
    let fits = r#"{"source":["中中中中中"]}"#;
    assert_eq!(fits.chars().count(), 20);
    Pattern::parse(fits, &options).unwrap();
    let too_long = format!("{fits} ");
    assert_eq!(error(&too_long, &options), PatternError::TooLong { length: 21, limit: 20 });
}

#[test]
fn nesting_is_limited_however_it_comes_about() {
    let nested =
        |levels: usize| format!(r#"{{"data":{}["x"]{}}}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let options = PatternOptions::default();
    Pattern::parse(&nested(DEPTH_LIMIT), &options).unwrap();
    let too_deep = error(&nested(DEPTH_LIMIT + 1), &options);
    assert!(
        matches!(&too_deep, PatternError::Schema { fault: Fault::TooDeep { limit: 64 }, .. }),
        "{too_deep}"
    );

    let shallow = PatternOptions { depth_max: 2, ..PatternOptions::default() };
    Pattern::parse(r#"{"$or":[{"data":{"x":["a"]}},{"data":{"$or":[]}}]}"#, &shallow).unwrap_err();
    Pattern::parse(
        r#"{"$or":[{"data":{"x":["a"]}},{"type":[{"anything-but":{"prefix":["a"]}}]}]}"#,
        &shallow,
    )
    .unwrap();
    let too_deep = error(r#"{"$or":[{"type":["t"]},{"data":{"x":{"y":["a"]}}}]}"#, &shallow);
    assert_eq!(
        too_deep,
        PatternError::Schema { path: "$.$or[1].data.x".into(), fault: Fault::TooDeep { limit: 2 } }
    );

    for text in ["[".repeat(100_000), r#"{"data":"#.repeat(1_000), r#"{"$or":[{"data":"#.repeat(600)] {
        let error = error(&text, &PatternOptions { length_max: usize::MAX, ..PatternOptions::default() });
        let what = "too many arrays and objects in each other";
        assert!(
            matches!(&error, PatternError::Schema { fault: Fault::NotJson { problem, .. }, .. } if *problem == what)
        );
    }
}

#[test]
fn strict_mode_refuses_exactly_the_extensions() {
    let strict = PatternOptions { strict: true, ..PatternOptions::default() };
    let extensions = [
        (r#"{"type":[{"wildcard":"a*"}]}"#, "$.type[0].wildcard"),
        (r#"{"type":[{"equals-ignore-case":"a"}]}"#, "$.type[0].equals-ignore-case"),
        (r#"{"type":[{"prefix":{"equals-ignore-case":"a"}}]}"#, "$.type[0].prefix"),
        (r#"{"type":[{"suffix":{"equals-ignore-case":"a"}}]}"#, "$.type[0].suffix"),
        (r#"{"type":[{"anything-but":{"contains":"a"}}]}"#, "$.type[0].anything-but.contains"),
        (r#"{"type":[{"anything-but":{"wildcard":"a"}}]}"#, "$.type[0].anything-but.wildcard"),
        (
            r#"{"type":[{"anything-but":{"equals-ignore-case":"a"}}]}"#,
            "$.type[0].anything-but.equals-ignore-case",
        ),
        (r#"{"type":[{"anything-but":{"prefix":["a"]}}]}"#, "$.type[0].anything-but.prefix"),
        (r#"{"type":[{"cidr":"::/0"}]}"#, "$.type[0].cidr"),
    ];
    for (text, place) in extensions {
        Pattern::parse(text, &PatternOptions::default()).unwrap();
        let error = error(text, &strict);
        let PatternError::Schema { path, fault: Fault::Extension { .. } } = &error else {
            panic!("{text}: {error}")
        };
        assert_eq!(path, place);
    }
    // To the cloud `$or` is a field like any other.
    let choice = r#"{"$or":[{"source":["a"]},{"source":["b"]}]}"#;
    Pattern::parse(choice, &PatternOptions::default()).unwrap();
    let fault = Fault::UnknownOperator { operator: "source".into() };
    assert_eq!(error(choice, &strict), PatternError::Schema { path: "$.$or[0].source".into(), fault });

    for text in [
        r#"{"type":[{"anything-but":{"suffix":"a"}},{"contains":"x","prefix":"y"},{"numeric":["!=",1]},{"cidr":"10.0.0.1"}]}"#,
        r#"{"data":{"$or":[{"anything-but":["a"]},{"anything-but":["b"]}]}}"#,
    ] {
        Pattern::parse(text, &strict).unwrap();
    }
}

#[test]
fn of_equal_keys_the_last_counts() {
    let pattern =
        r#"{"source":"wrong","source":["a"],"data":{"x":[1]},"data":{"y":[{"prefix":"a","prefix":"b"}]}}"#;
    let pattern = Pattern::parse(pattern, &PatternOptions::default()).unwrap();
    assert!(pattern.matches(br#"{"source":"a","data":{"y":"bc"}}"#));
    assert!(!pattern.matches(br#"{"source":"a","data":{"x":1,"y":"ac"}}"#));
}
