//! Can any text make the reader of events panic, or accept what is not one event?

use std::collections::HashMap;
use std::time::Duration;

use kulkul_model::{BusName, Draft, Enrichment, EventLimits, Timestamp};
use serde_json::value::RawValue;

const SEEDS: &[&str] = &[
    r#"{"id":"1","source":"shop","type":"order","specversion":"1.0","data":{"a":[1.0,3e2,"x \" y"]}}"#,
    r#" { "id" : "a" , "source" : "s" , "type" : "t" , "time" : "2020-08-17T16:04:46.149Asia/Shanghai" , "x" : 1 } "#,
    r#"{"id":"\u0061","source":"s","type":"t","aliyunaccountid":"forged","data":null,"subject":"\ud83d\ude00"}"#,
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
    b"\\u0000",
    b"\\ud83d",
    b"null",
    b"0",
    b" ",
    b"\n",
    b"\"id\":",
    b"\"data\":",
    b"\"data\":{\"a\":",
    b"\"type\":\"\"",
    b"\"specversion\":\"2.0\"",
    b"\"X Y\":1",
    b"\xe4\xb8\xad",
    b"\xff",
    b"\x00",
    b"[[[[[[[[",
];

#[test]
fn event_draft() {
    bolero::check!()
        .with_test_time(Duration::from_secs(2))
        .with_iterations(20_000)
        .with_max_len(64)
        .for_each(|random: &[u8]| {
            accept(&kulkul_fuzz::edited(SEEDS, PIECES, random));
            accept(random);
        });
}

fn accept(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (account, region) = ("1".parse().unwrap(), "local".parse().unwrap());
    let add = Enrichment {
        account: &account,
        bus: &BusName::default_bus(),
        region: &region,
        received_at: Timestamp::from_millis(0),
        sender: "127.0.0.1",
        via: "",
    };
    let Ok(event) = Draft::parse(text).and_then(|draft| draft.accept(&add, &EventLimits::default())) else {
        return;
    };
    // What was accepted is one JSON object that everybody can read, and its attributes are those kept beside it.
    serde_json::from_slice::<serde_json::Value>(event.json()).unwrap();
    let read: HashMap<String, &RawValue> = serde_json::from_slice(event.json()).unwrap();
    let attribute =
        |name: &str| read.get(name).map(|json| serde_json::from_str::<String>(json.get()).unwrap());
    assert_eq!(attribute("id").as_deref(), Some(event.id()));
    assert_eq!(attribute("source").as_deref(), Some(event.source()));
    assert_eq!(attribute("type").as_deref(), Some(event.kind()));
    assert_eq!(attribute("subject").as_deref(), event.subject());
    assert_eq!(attribute("aliyunaccountid").as_deref(), Some("1"), "only the bus says whose event it is");
}
