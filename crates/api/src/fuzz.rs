//! Can anything that an outsider sends make a parser of this crate panic, hang or contradict itself?
//!
//! Each target runs for a bounded time as an ordinary test, and as long as one likes under a fuzzing engine
//! (`cargo bolero test -p kulkul-api TARGET`).

use std::time::Duration;

use http::{HeaderMap, Method};
use kulkul_fuzz::edited;

use crate::eventbridge::fuzz as eventbridge;
use crate::fc::fuzz as fc;
use crate::query::push_canonical;
use crate::receive::fuzz as receive;
use crate::signature::{Acs3, DataPlane, FcLegacy, Signed};
use crate::testing::{headers, key};

fn check(seeds: &[&str], pieces: &[&[u8]], read: impl Fn(&str)) {
    let run =
        bolero::check!().with_test_time(Duration::from_secs(1)).with_iterations(10_000).with_max_len(64);
    let read = std::panic::AssertUnwindSafe(read);
    run.for_each(|random: &[u8]| {
        read(&String::from_utf8_lossy(&edited(seeds, pieces, random)));
        read(&String::from_utf8_lossy(random));
    });
}

/// The third vector of the signature's own tests: key `AKID` with the secret `SECRET`.
const AUTHORIZATION: &str = "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=bf15ccea782bef362438d4a934a13b49797831d17c33d62e0867378dcb8ebbe6";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn recorded() -> HeaderMap {
    headers(
        "accept:application/json
        host:127.0.0.1:18321
        user-agent:ua
        x-acs-action:GetEventBus
        x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        x-acs-credentials-provider:static_ak
        x-acs-date:2026-11-22T07:00:00Z
        x-acs-signature-nonce:0123456789abcdef0123456789abcdef
        x-acs-version:2020-04-01",
    )
}

const HEADER_PIECES: &[&[u8]] = &[
    b"",
    b",",
    b"=",
    b";",
    b":",
    b" ",
    b"Signature=",
    b"Credential=",
    b"SignedHeaders=",
    b"host",
    b"\xff",
    b"acs ",
    b"acs:",
];

#[test]
fn edited_authorization() {
    let (headers, key) = (recorded(), key("AKID", "SECRET"));
    let request = Signed { method: "POST", path: "/", query: "EventBusName=b1", headers: &headers };
    let verified =
        |text: &str| Acs3::parse(text).and_then(|signed| signed.verify(&key, &request, EMPTY)).is_ok();
    assert!(verified(AUTHORIZATION));
    let signature = AUTHORIZATION.rsplit_once('=').unwrap().1;
    check(&[AUTHORIZATION, "acs AKID:c2ln", "acs:AKID:c2ln"], HEADER_PIECES, |text| {
        assert!(!verified(text) || text.contains(signature), "{text}");
        assert!(FcLegacy::parse(text).and_then(|signed| signed.verify(&key, &request)).is_err(), "{text}");
        assert!(DataPlane::parse(text).and_then(|signed| signed.verify(&key, &request)).is_err(), "{text}");
    });
}

const QUERY_PIECES: &[&[u8]] = &[
    b"",
    b"&",
    b"=",
    b"%",
    b"%2",
    b"%20",
    b"+",
    b".",
    b".1.",
    b"T.1.Key=",
    b"\xe4\xb8\xad",
    b"%ff",
    b"{",
    b"[",
    b"\"",
];

#[test]
fn query_and_form() {
    let key = key("AKID", "SECRET");
    let seeds = [
        "T.1.Key=k&T.1.Value=v&b=%7B%22a%22%3A1%7D",
        "T=[{\"Key\":\"a\"}]&Limit=10&NextToken=1",
        "a=b+c&a=d",
    ];
    check(&seeds, QUERY_PIECES, |text| {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        push_canonical(text, &mut once);
        push_canonical(std::str::from_utf8(&once).unwrap(), &mut twice);
        assert_eq!(once, twice, "the canonical form of {text} has another one");
        eventbridge::parameters(text, &key);
    });
}

#[test]
fn path() {
    let seeds =
        ["/2023-03-30/functions/f/triggers/t%2D1", "/_code/f", "/2023-03-30/functions/f/async-invoke-config"];
    let pieces: &[&[u8]] = &[b"", b"/", b"%2F", b"%", b"..", b"?", b"\xe4\xb8\xad", b"%ff"];
    check(&seeds, pieces, |text| {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            fc::route(&method, text);
        }
    });
}

#[test]
fn function_body() {
    let seeds = [
        r#"{"code":{"zipFile":"UEsDBA=="},"cpu":0.35,"environmentVariables":{"K":"V"},"functionName":"f","layers":["a"],"tags":[{"Key":"a"}]}"#,
        r#"{"customRuntimeConfig":{"command":["a"],"healthCheckConfig":{"httpGetUrl":"/"}},"instanceLifecycleConfig":{"preStop":{"handler":"a.b"}}}"#,
    ];
    let pieces: &[&[u8]] = &[
        b"", b"{", b"}", b"[", b"]", b",", b":", b"\"", b"null", b"1e999", b"-1", b"\\u0000", b"\"a\":",
        b"true",
    ];
    check(&seeds, pieces, |text| fc::body(text.as_bytes()));
}

#[test]
fn cloud_events() {
    let seeds = [
        r#"[{"id":"i","source":"s","type":"t","data_base64":"cGxhaW4=","aliyuneventbusname":"b"},{"data":{"a":1}}]"#,
        r#"[{"Id":"i","Source":"s","Type":"t","Data":"x","SpecVersion":"1.0"}]"#,
    ];
    let pieces: &[&[u8]] = &[
        b"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\"data\":",
        b"\"data_base64\":\"/w==\"",
        b"null",
        b"\"",
        b"\\",
        b"\xff",
    ];
    check(&seeds, pieces, eventbridge::events);
}

#[test]
fn bodies_from_outside() {
    let seeds = [
        r#"{"product":"Redis","name":"Instance_Failover:a","id":"1","eventTime":"20260211T110405.271+0800"}"#,
        "alertName=a+b&alertState=ALERT&timestamp=1508136760000&dimensions=%5B%7B%7D%5D",
        r#"[{"id":"i","source":"acs:dm","type":"t"}]"#,
    ];
    let pieces: &[&[u8]] = &[
        b"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\"",
        b"=",
        b"&",
        b"%",
        b"%ff",
        b"T",
        b"+",
        b"Z",
        b":",
        b"_",
        b"\xc3\xa9",
    ];
    check(&seeds, pieces, receive::bodies);
}
