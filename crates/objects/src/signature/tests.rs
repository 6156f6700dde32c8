//! The signatures of the real clients, and what becomes of them when a byte changes.

use std::collections::HashMap;

use http::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::*;
use crate::address::{Hosts, resolve};

/// A request as a client sent it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    method: String,
    target: String,
    headers: HashMap<String, String>,
    bucket: Option<String>,
    key: Option<String>,
    string_to_sign: String,
    canonical_request: Option<String>,
    signature: String,
}

fn vectors() -> Vec<Vector> {
    let lines = include_str!("../../tests/data/signatures.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn header_map(headers: &HashMap<String, String>) -> HeaderMap {
    let pair = |(name, value): (&String, &String)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    headers.iter().map(pair).collect()
}

fn find(id: &str, token: Option<&str>) -> Result<Signer, KeyRefused> {
    let secret = match (id, token) {
        ("LTAItestAccessKeyId01", None) => "testAccessKeySecret02",
        ("STS.testTempKeyId03", Some("testSecurityToken05==")) => "testTempSecret04",
        ("STS.testTempKeyId03", None) => return Err(KeyRefused::TokenMissing),
        ("STS.testTempKeyId03" | "LTAItestAccessKeyId01", Some(_)) => return Err(KeyRefused::TokenInvalid),
        _ => return Err(KeyRefused::Unknown),
    };
    Ok(Signer { secret: Secret::new(secret).unwrap(), role: Role::Admin })
}

impl Vector {
    /// The moment at which the client signed, or at which its URL still counts.
    fn now(&self) -> Timestamp {
        let day = if self.name == "V4-additional" { "2026-11-22T08:53:03Z" } else { "2026-11-22T08:51:45Z" };
        Timestamp::parse_rfc3339(day).unwrap()
    }

    fn verify_at(&self, now: Timestamp) -> Result<Verified, OssError> {
        let headers = header_map(&self.headers);
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let query = Query::parse(query)?;
        let mut hosts = Hosts::default();
        hosts.service_names.push("kulkul.test".to_owned());
        let host = headers.get("host").map(|value| value.to_str().unwrap()).unwrap_or_default();
        let readings = resolve(host, path, &hosts);
        let parts = SignedParts { method: &self.method, query: &query, headers: &headers };
        authenticate(parts, &readings, None, now, &find)
    }

    fn verify(&self) -> Result<Verified, OssError> {
        self.verify_at(self.now())
    }
}

fn code(result: Result<Verified, OssError>) -> Option<Code> {
    result.err().map(|error| error.code)
}

#[test]
fn the_signatures_of_the_clients_are_right() {
    assert_eq!(vectors().len(), 23);
    for vector in vectors() {
        let verified = vector.verify().unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).unwrap());
        let seen = (text(verified.resource.bucket), text(verified.resource.key));
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        assert_eq!(seen, (some(&vector.bucket), some(&vector.key)), "{}", vector.name);
    }
}

#[test]
fn a_wrong_signature_is_told_what_should_have_been_signed() {
    for mut vector in vectors() {
        let good = std::mem::take(&mut vector.signature);
        let changed = if good.starts_with('0') { "1" } else { "0" }.to_owned() + &good[1..];
        let escape = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        vector.target = vector.target.replace(&escape(&good), &escape(&changed));
        for value in vector.headers.values_mut() {
            *value = value.replace(&good, &changed);
        }
        let error = vector.verify().expect_err(&vector.name);
        assert_eq!(error.code, Code::SignatureDoesNotMatch, "{}", vector.name);
        let body = error.xml("id", "host");
        let shown = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Where there are two readings or two forms, the first is shown.
        if !["V1-path-under-cloud-host", "V4-empty-value-kept"].contains(&vector.name.as_str()) {
            assert!(body.contains(&shown(&vector.string_to_sign)), "{}: {body}", vector.name);
            let canonical = shown(&vector.canonical_request.unwrap_or_default());
            assert!(body.contains(&canonical), "{}: {body}", vector.name);
        }
    }
}

#[test]
fn one_changed_byte_breaks_a_signature() {
    let refused = |vector: &Vector, what: &str| {
        assert_eq!(code(vector.verify()), Some(Code::SignatureDoesNotMatch), "{}: {what}", vector.name);
    };
    for mut vector in vectors() {
        vector.method = if vector.method == "PUT" { "GET" } else { "PUT" }.to_owned();
        refused(&vector, "method");
    }
    for mut vector in vectors().into_iter().filter(|vector| vector.name != "V1-service-cloud-host") {
        let (path, query) = vector.target.split_once('?').unwrap_or((&vector.target, ""));
        vector.target = format!("{path}x?{query}");
        refused(&vector, "key");
    }
    for mut vector in vectors() {
        vector.headers.insert("x-oss-meta-new".to_owned(), "1".to_owned());
        refused(&vector, "header");
    }
    for mut vector in vectors() {
        vector.target += if vector.target.contains('?') { "&tagging" } else { "?tagging" };
        refused(&vector, "query");
    }
    for mut vector in vectors() {
        let date = vector
            .headers
            .iter_mut()
            .find(|(name, _)| ["date", "x-oss-date"].contains(&name.as_str()) || **name == "Date");
        let Some((name, value)) = date else { continue };
        // What oss-v2 sends as `Date` beside `x-oss-date` has no part in V4.
        if name == "Date" && vector.name.starts_with("V4") {
            continue;
        }
        *value = value
            .replace(":51:", ":52:")
            .replace(":53:", ":52:")
            .replace("T0851", "T0852")
            .replace("T0853", "T0852");
        refused(&vector, "date");
    }
}

#[test]
fn parameters_that_v1_does_not_sign_may_change() {
    for mut vector in vectors() {
        let v1 = vector.name.starts_with("V1");
        vector.target += if vector.target.contains('?') { "&max-keys=9" } else { "?max-keys=9" };
        let expected = (!v1).then_some(Code::SignatureDoesNotMatch);
        assert_eq!(code(vector.verify()), expected, "{}", vector.name);
    }
}

#[test]
fn time_has_limits_in_both_directions() {
    for vector in vectors() {
        let minutes = |count: i64| {
            let now = vector.now().as_millis() + count * 60_000;
            code(vector.verify_at(Timestamp::from_millis(now)))
        };
        let in_url = vector.name.starts_with("V1q") || vector.name.starts_with("V4q");
        if in_url {
            assert_eq!(minutes(24 * 60), Some(Code::AccessDenied), "{}", vector.name);
        } else {
            assert_eq!(minutes(16), Some(Code::RequestTimeTooSkewed), "{}", vector.name);
            assert_eq!(minutes(-16), Some(Code::RequestTimeTooSkewed), "{}", vector.name);
            assert_eq!(minutes(14), None, "{}", vector.name);
            assert_eq!(minutes(-14), None, "{}", vector.name);
        }
        if vector.name.starts_with("V4q") {
            assert_eq!(minutes(-16), Some(Code::RequestTimeTooSkewed), "{}", vector.name);
        }
    }
}

fn signed(headers: &[(&str, &str)], query: &str) -> Option<Code> {
    let headers = headers.iter().map(|(name, value)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value);
    }
    let query = Query::parse(query).unwrap();
    let readings = resolve("127.0.0.1", "/bkt/key", &Hosts::default());
    let now = Timestamp::parse_rfc3339("2026-11-22T08:51:45Z").unwrap();
    code(authenticate(
        SignedParts { method: "GET", query: &query, headers: &map },
        &readings,
        None,
        now,
        &find,
    ))
}

#[test]
fn what_is_no_signature_gets_the_documented_code() {
    let date = ("date", "Sun, 22 Nov 2026 08:51:45 GMT");
    let long = format!("OSS {}", "a".repeat(65_536));
    let v4 = |credential: &str, rest: &str| {
        format!("OSS4-HMAC-SHA256 Credential={credential}{rest}, Signature={}", "0".repeat(64))
    };
    let scope = "LTAItestAccessKeyId01/20261122/cn-hangzhou/oss/aliyun_v4_request";
    let v4_date = ("x-oss-date", "20261122T085145Z");
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Code);
    let table: [Case<'_>; 33] = [
        (&[], "", Code::AccessDenied),
        (&[("authorization", "OSS"), date], "", Code::InvalidArgument),
        (&[("authorization", "OSS LTAItestAccessKeyId01"), date], "", Code::InvalidArgument),
        (&[("authorization", "OSS LTAItestAccessKeyId01:"), date], "", Code::InvalidArgument),
        (&[("authorization", "OSS :abcd"), date], "", Code::InvalidArgument),
        (&[("authorization", "Basic YTpi"), date], "", Code::InvalidArgument),
        (&[("authorization", long.as_str()), date], "", Code::InvalidArgument),
        (&[("authorization", "OSS LTAItestAccessKeyId01:üü=="), date], "", Code::InvalidArgument),
        (&[("authorization", "OSS nobody:abcd"), date], "", Code::InvalidAccessKeyId),
        (&[("authorization", "OSS nobody:abcd")], "", Code::InvalidAccessKeyId),
        (&[("authorization", "OSS LTAItestAccessKeyId01:abcd")], "", Code::AccessDenied),
        (
            &[("authorization", "OSS LTAItestAccessKeyId01:abcd"), ("date", "1795337505")],
            "",
            Code::AccessDenied,
        ),
        (&[("authorization", "OSS LTAItestAccessKeyId01:abcd"), date], "", Code::SignatureDoesNotMatch),
        (
            &[("authorization", "OSS LTAItestAccessKeyId01:not base64!"), date],
            "",
            Code::SignatureDoesNotMatch,
        ),
        (&[("authorization", "OSS LTAItestAccessKeyId01:abcd"), date, date], "", Code::InvalidArgument),
        (&[("authorization", "OSS STS.testTempKeyId03:abcd"), date], "", Code::InvalidAccessKeyId),
        (
            &[("authorization", "OSS STS.testTempKeyId03:abcd"), date, ("security-token", "other")],
            "",
            Code::AccessKeyIdAndSecurityTokenNotMatch,
        ),
        (
            &[("authorization", "OSS STS.testTempKeyId03:abcd"), date, ("x-oss-security-token", "{}")],
            "",
            Code::InvalidSecurityToken,
        ),
        (
            &[("authorization", "OSS LTAItestAccessKeyId01:abcd"), date, ("security-token", "other")],
            "",
            Code::InvalidSecurityToken,
        ),
        (
            &[("authorization", "OSS a:b"), date],
            "Signature=a&OSSAccessKeyId=b&Expires=1",
            Code::InvalidArgument,
        ),
        (
            &[("authorization", "OSS a:b"), date],
            "x-oss-signature-version=OSS4-HMAC-SHA256",
            Code::InvalidArgument,
        ),
        (&[], "Signature=a&OSSAccessKeyId=b", Code::AccessDenied),
        (&[], "Expires=1795337505", Code::AccessDenied),
        (&[], "Signature=a&OSSAccessKeyId=LTAItestAccessKeyId01&Expires=x", Code::AccessDenied),
        (&[], "Signature=a&OSSAccessKeyId=LTAItestAccessKeyId01&Expires=1", Code::AccessDenied),
        (&[], "x-oss-signature-version=OSS2", Code::InvalidArgument),
        (&[], "x-oss-signature-version=OSS4-HMAC-SHA256", Code::InvalidArgument),
        (&[("authorization", &v4("x/oss/aliyun_v4_request", "")), v4_date], "", Code::InvalidArgument),
        (&[("authorization", &v4(scope, ", AdditionalHeaders=")), v4_date], "", Code::InvalidArgument),
        (&[("authorization", &v4(scope, ", AdditionalHeaders=a;;b")), v4_date], "", Code::InvalidArgument),
        (&[("authorization", &v4(scope, "")), ("x-oss-date", "20261123T085145Z")], "", Code::InvalidArgument),
        (&[("authorization", &v4(scope, ""))], "", Code::AccessDenied),
        (&[("authorization", &v4(scope, "")), v4_date], "", Code::SignatureDoesNotMatch),
    ];
    for (headers, query, expected) in table {
        let shown =
            headers.iter().map(|(n, v)| format!("{n}: {}", &v[..v.len().min(80)])).collect::<Vec<_>>();
        assert_eq!(signed(headers, query), Some(expected), "{shown:?} {query}");
    }
}

#[test]
fn the_life_of_a_url_is_bounded() {
    let url = |expires: &str| {
        format!(
            "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=LTAItestAccessKeyId01%2F20261122%2Fcn-hangzhou\
             %2Foss%2Faliyun_v4_request&x-oss-date=20261122T085145Z&x-oss-signature=00&x-oss-expires={expires}"
        )
    };
    for expires in ["0", "604801", "-1", "x", ""] {
        assert_eq!(signed(&[], &url(expires)), Some(Code::InvalidArgument), "{expires}");
    }
    assert_eq!(signed(&[], &url("604800")), Some(Code::SignatureDoesNotMatch));
}

#[test]
fn the_documented_v1_example_is_right() {
    let secret = Secret::new("OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV").unwrap();
    let text = "PUT\nODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=\ntext/html\nThu, 17 Nov 2005 18:49:58 GMT\n\
                x-oss-magic:abracadabra\nx-oss-meta-author:foo@bar.com\n/oss-example/nelson";
    let expected = v1::from_base64("26NBxoKdsyly4EDv6inkoDft/yA=").unwrap();
    assert_eq!(v1::hmac_sha1(&secret, text.as_bytes()), expected);
}

#[test]
fn the_v4_signing_key_is_derived_step_by_step() {
    let scope = v4::Scope::parse("LTAItestAccessKeyId01/20261122/cn-hangzhou/oss/aliyun_v4_request").unwrap();
    let key = scope.signing_key(&Secret::new("testAccessKeySecret02").unwrap());
    assert_eq!(hex::encode(key), "79ded8b4e7e689b14c7a1c3d9f4455d803291e8ed9c029b1cba466b6a3168562");
}

#[test]
fn forms_are_signed_over_the_text_of_their_policy() {
    let now = Timestamp::parse_rfc3339("2026-11-22T09:00:00Z").unwrap();
    let v1_policy = "eyJleHBpcmF0aW9uIjoiMjAzMC0wMS0wMVQwMDowMDowMC4wMDBaIiwiY29uZGl0aW9ucyI6W1siY29udGVudC1sZW5ndGgtcmFuZ2UiLDAsMTA0ODU3Nl0seyJidWNrZXQiOiJ4LXVuaSJ9LFsic3RhcnRzLXdpdGgiLCIka2V5IiwiaW4vIl1dfQ==";
    let v4_policy = "eyJleHBpcmF0aW9uIjoiMjAzMC0wMS0wMVQwMDowMDowMC4wMDBaIiwiY29uZGl0aW9ucyI6W3siYnVja2V0IjoieC11bmkifSx7Ingtb3NzLWNyZWRlbnRpYWwiOiJMVEFJdGVzdEFjY2Vzc0tleUlkMDEvMjAyNjExMjIvY24taGFuZ3pob3Uvb3NzL2FsaXl1bl92NF9yZXF1ZXN0In0seyJ4LW9zcy1kYXRlIjoiMjAyNjExMjJUMDkwMDAwWiJ9LHsieC1vc3Mtc2lnbmF0dXJlLXZlcnNpb24iOiJPU1M0LUhNQUMtU0hBMjU2In0sWyJzdGFydHMtd2l0aCIsIiRrZXkiLCJpbi8iXV19";
    let form = |fields: &[(&str, &str)]| -> FormFields {
        fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let v1 = [
        ("policy", v1_policy),
        ("ossaccesskeyid", "LTAItestAccessKeyId01"),
        ("signature", "2DQSnJjmxUrh9iWglNOvQJTiPdg="),
    ];
    let v4 = [
        ("policy", v4_policy),
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        ("x-oss-credential", "LTAItestAccessKeyId01/20261122/cn-hangzhou/oss/aliyun_v4_request"),
        ("x-oss-date", "20261122T090000Z"),
        ("x-oss-signature", "d90f1132b1c27ac5179e5b24e25fc6eda88f27006d40ab93b82fef5b08b67225"),
    ];
    let check = |fields: &FormFields| FormSignature::check(fields, now, &find).map(|form| form.is_v4);
    assert!(!check(&form(&v1)).unwrap());
    assert!(check(&form(&v4)).unwrap());
    let code = |fields: &FormFields| check(fields).unwrap_err().code;
    assert_eq!(code(&form(&[])), Code::AccessDenied);
    assert_eq!(code(&form(&v1[..2])), Code::InvalidArgument);
    let mut changed = form(&v1);
    changed.insert("policy".to_owned(), v1_policy.replace("eyJl", "eyJm"));
    assert_eq!(code(&changed), Code::SignatureDoesNotMatch);
    let mut old = form(&v4);
    old.insert("x-oss-date".to_owned(), "20261114T090000Z".to_owned());
    assert_eq!(code(&old), Code::AccessDenied);
}

proptest::proptest! {
    #[test]
    fn nothing_that_a_stranger_writes_makes_it_panic(
        scheme in "(OSS|OSS2|OSS4-HMAC-SHA256|) ?",
        rest in "[ -~]{0,80}",
        query in "(x-oss-signature-version=OSS4-HMAC-SHA256&)?[ -~]{0,80}",
        date in "[ -~]{0,40}",
    ) {
        let header = scheme + &rest;
        if let Ok(query) = Query::parse(&query) {
            let map: HeaderMap = [("authorization", header), ("date", date.clone()), ("x-oss-date", date)]
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()))
                .collect();
            let readings = resolve("127.0.0.1", "/bkt/key", &Hosts::default());
            let now = Timestamp::from_millis(0);
            let parts = SignedParts { method: "GET", query: &query, headers: &map };
            proptest::prop_assert!(authenticate(parts, &readings, None, now, &find).is_err());
        }
    }
}
