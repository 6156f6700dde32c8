//! What a file means, and what is said of one that is wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::triggers::{Invocation, Retry};

fn parse(text: &str) -> Result<Manifest, Vec<String>> {
    let lookup = |name: &str| (name == "kulkul.objects").then(|| "http://127.0.0.1:7501".to_owned());
    let parsed = Manifest::parse(text, Path::new(env!("CARGO_MANIFEST_DIR")), &Variables(&lookup));
    parsed.map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

fn pattern_of(settings: &TriggerSettings) -> Value {
    serde_json::from_str(&settings.pattern).unwrap()
}

#[test]
fn a_file_of_everything_is_understood() {
    let manifest = parse(
        r#"
buses:
  shop: {description: orders}
buckets: [photos]
functions:
  resize:
    code: src
    runtime: python3.12
    memory: 256MiB
    timeout: 1m
    environment:
      OSS_ENDPOINT: ${kulkul.objects}
      SIZE: 256
      LOUD: true
      PRICE: 5$
    triggers:
      pictures:
        events:
          source: acs.oss
          type: oss:ObjectCreated:*
          bucket: photos
          key_prefix: [a/, b/]
          key_suffix: .jpg
        invocation: async
        retry: exponential-decay
        max_age: 1h
        concurrency: 2
      orders:
        bus: shop
        enabled: false
        events: {pattern: {data: {total: [{numeric: [">", 10]}]}}}
rules:
  audit:
    bus: shop
    events: {source: shop, match: {data.total: [1, 2]}}
    targets:
      - id: hook
        type: http
        endpoint: ${kulkul.objects}/hook
        params: [{key: url, form: constant, value: x}]
"#,
    )
    .unwrap();
    assert_eq!(manifest.buses, [("shop".to_owned(), "orders".to_owned())]);
    assert_eq!(manifest.buckets, ["photos"]);
    let function = &manifest.functions[0];
    assert_eq!(function.code, [Path::new(env!("CARGO_MANIFEST_DIR")).join("src")]);
    let wire = json!({
        "runtime": "python3.12", "handler": "index.handler", "description": "", "memorySize": 256, "timeout": 60,
        "environmentVariables":
            {"LOUD": "true", "OSS_ENDPOINT": "http://127.0.0.1:7501", "PRICE": "5$", "SIZE": "256"},
        "role": null, "instanceConcurrency": 1,
    });
    assert_eq!(Value::Object(function.settings.to_wire()), wire);
    let (name, pictures) = &function.triggers[0];
    assert_eq!((name.as_str(), pictures.bus.as_str(), pictures.enabled), ("pictures", "default", true));
    assert_eq!((pictures.invocation, pictures.retry), (Invocation::Async, Retry::ExponentialDecay));
    assert_eq!((pictures.age_max, pictures.concurrency), (Some(Duration::from_secs(3600)), Some(2)));
    assert_eq!(
        pattern_of(pictures)["data"]["oss"]["object"]["key"],
        json!([{"prefix": "a/", "suffix": ".jpg"}, {"prefix": "b/", "suffix": ".jpg"}])
    );
    let (_, orders) = &function.triggers[1];
    assert_eq!((orders.bus.as_str(), orders.enabled), ("shop", false));
    assert_eq!(pattern_of(orders), json!({"data": {"total": [{"numeric": [">", 10]}]}}));
    let (name, rule) = &manifest.rules[0];
    assert_eq!((name.as_str(), rule.bus.as_str()), ("audit", "shop"));
    assert_eq!(rule.pattern, r#"{"source":["shop"],"data":{"total":[1,2]}}"#);
    let target = json!({"Id": "hook", "Type": "http", "Endpoint": "http://127.0.0.1:7501/hook",
        "ParamList": [{"ResourceKey": "url", "Form": "CONSTANT", "Value": "x"}], "PushRetryStrategy": "BACKOFF_RETRY"});
    assert_eq!(rule.targets, [target]);
}

#[test]
fn an_empty_file_asks_for_nothing() {
    for text in ["", "# nothing yet\n", "{}"] {
        let manifest = parse(text).unwrap();
        assert_eq!((manifest.functions.len(), manifest.rules.len()), (0, 0));
    }
}

#[test]
fn a_pattern_may_be_json_text() {
    let text = r#"
functions:
  f:
    code: src
    runtime: python3
    triggers:
      t:
        events:
          pattern: |
            {"data": {"n": [3.00]}}
"#;
    let (_, trigger) = &parse(text).unwrap().functions[0].triggers[0];
    assert_eq!(trigger.pattern.trim(), r#"{"data": {"n": [3.00]}}"#);
}

#[test]
fn a_text_is_what_is_written_whatever_yaml_takes_it_for() {
    let manifest = parse(
        r#"
functions:
  f:
    code: src
    runtime: python3
    environment:
      VERSION: &version 1.10
      SAME: *version
      QUOTED: "1.10"
      ANSWER: yes
      MODE: 0755
      ENDLESS: .inf
    triggers:
      t:
        events: {source: shop, type: [404, 1.0], match: {data.n: [1.50, null]}}
"#,
    )
    .unwrap();
    let function = &manifest.functions[0];
    let expected = [
        ("ANSWER", "yes"),
        ("ENDLESS", ".inf"),
        ("MODE", "0755"),
        ("QUOTED", "1.10"),
        ("SAME", "1.10"),
        ("VERSION", "1.10"),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(function.settings.environment, Some(expected.into()));
    let (_, trigger) = &function.triggers[0];
    let pattern = json!({"source": ["shop"], "type": ["404", "1.0"], "data": {"n": [1.5, null]}});
    assert_eq!(pattern_of(trigger), pattern);
}

#[test]
fn everything_of_the_wrong_shape_is_told_at_once_with_its_place() {
    let problems = parse(
        r#"
bukets: [a]
buckets: nothing
functions:
  f:
    code: src
    timeuot: 5s
    memory: 1KiB
    instance_concurrency: many
    environment: {A: [1]}
    triggers:
      t:
        retry: never
        enabled: sometimes
        events: {source: {a: b}}
  g:
    runtime: cobol85
  h: nothing
rules:
  r:
    events: {match: {data.x: {y: 1}}, source: shop}
    targets:
      - {id: t, type: http}
      - 7
"#,
    )
    .unwrap_err();
    let expected = [
        "2: `bukets` is not known here; known are `buses`, `buckets`, `functions`, `rules`",
        "3: buckets: must be a list",
        "6: functions.f: `runtime` is missing",
        "7: functions.f: `timeuot` is not known here; known are `code`, `runtime`, `handler`, `description`, \
         `memory`, `timeout`, `role`, `instance_concurrency`, `environment`, `triggers`",
        "8: functions.f.memory: is `1KiB`, but must be whole MiB",
        "9: functions.f.instance_concurrency: must be a whole number",
        "10: functions.f.environment.A: must be a text",
        "13: functions.f.triggers.t.retry: is `never`, but must be one of `backoff`, `exponential-decay`",
        "14: functions.f.triggers.t.enabled: must be `true` or `false`",
        "15: functions.f.triggers.t.events.source: must be a text",
        "17: functions.g: `code` is missing",
        "17: functions.g.runtime: `cobol85` is no runtime here; there are python3, python3.6 and later, nodejs8 \
         and later, custom, custom.debian10, custom.debian11, custom.debian12",
        "18: functions.h: must have members, each with a name",
        "21: rules.r.events.match.data.x: must be a value or a list of values",
        "23: rules.r.targets[0]: `endpoint` is missing",
        "24: rules.r.targets[1]: must have members, each with a name",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn every_problem_is_told_with_its_line() {
    let problems = parse(
        r#"
buses:
  -bus: {}
functions:
  0bad:
    code: absent
    runtime: python3
    environment:
      A: ${NOT_SET}
    triggers:
      nothing:
        events: {}
      both:
        events:
          source: x
          pattern: {}
      wrong:
        bus: shop
        max_age: 1h
        events:
          pattern: {type: 3}
rules:
  r:
    events: {source: acs.ecs, key_prefix: a/}
    targets: []
"#,
    )
    .unwrap_err();
    let expected = [
        (3, "`-bus` is not a valid event bus name"),
        (6, "`0bad` is not a valid function name"),
        (6, "absent does not exist"),
        (9, "the variable `NOT_SET` is not set"),
        (12, "nothing says which events are meant"),
        (15, "`pattern` says it all"),
        (18, "`max_age` is for triggers on the bus `default` only"),
        (21, "the pattern is not valid"),
        (24, "with the source `acs.oss` alone"),
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, (line, reason)) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("{line}: ")) && problem.contains(reason), "{problem}: {reason}");
    }
}

#[test]
fn a_file_of_the_wrong_shape_is_refused_with_the_line() {
    let table = [
        ("functions:\n  f:\n    code: src\n    runtime: python3\n    timeuot: 5s\n", "5: ", "timeuot"),
        (
            "functions:\n  f:\n    code: src\n    runtime: python3\n    timeout: 5\n",
            "5: ",
            "must be a duration",
        ),
        ("functions:\n  f:\n    code: src\n    runtime: python3\n    memory: 1KiB\n", "5: ", "whole MiB"),
        ("functions:\n  f:\n    code: src\n", "", "runtime"),
        ("buckets: {a: b}\n", "1: ", ""),
        ("buckets: [a]\nbuckets: [b]\n", "2: ", "duplicate"),
        ("functions: [\n", "", ""),
        ("buckets: [a, a]\n", "1: ", "twice"),
    ];
    for (text, line, reason) in table {
        let problems = parse(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(line) && problems[0].contains(reason), "{text}: {problems:?}");
    }
}
