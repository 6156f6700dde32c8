//! The signatures of Simple Message Queue: `MNS <id>:<HMAC-SHA1>`, and the newer `MNS4-HMAC-SHA256`.
//!
//! The older one covers path and query exactly as they were sent. No public page describes the newer one; it is taken
//! from two official clients, which put the canonical request into the string to sign in full.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use kulkul_access::{AccessKey, equal};
use kulkul_model::Timestamp;
use sha2::Sha256;

use super::fc_legacy::push_headers;
use super::{Refusal, Signed, parse_http_date};
use crate::percent::{Plus, decode, encode};
use crate::query::raw_pairs;

const V4_SCHEME: &str = "MNS4-HMAC-SHA256";
const V4_END: &str = "aliyun_v4_request";

/// The header `Authorization` of these kinds, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mns<'a> {
    pub(crate) access_key_id: &'a str,
    scheme: Scheme<'a>,
    signature: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme<'a> {
    V1,
    V4 { day: &'a str, region: &'a str },
}

impl<'a> Mns<'a> {
    pub(crate) fn parse(authorization: &'a str) -> Result<Self, Refusal> {
        let (scheme, rest) = authorization.split_once(' ').ok_or(Refusal::Malformed)?;
        match scheme {
            "MNS" => {
                let (access_key_id, signature) = rest.trim().split_once(':').ok_or(Refusal::Malformed)?;
                Ok(Self { access_key_id, scheme: Scheme::V1, signature })
            }
            V4_SCHEME => Self::parse_v4(rest).ok_or(Refusal::Malformed),
            _ => Err(Refusal::Malformed),
        }
    }

    fn parse_v4(rest: &'a str) -> Option<Self> {
        let (credential, signature) = rest.trim().split_once(',')?;
        let credential = credential.strip_prefix("Credential=")?;
        let signature = signature.trim_start().strip_prefix("Signature=")?;
        let parts: Vec<&str> = credential.split('/').collect();
        let &[access_key_id, day, region, "mns", V4_END] = parts.as_slice() else { return None };
        Some(Self { access_key_id, scheme: Scheme::V4 { day, region }, signature })
    }

    /// When the request was signed.
    pub(crate) fn date(request: &Signed<'_>) -> Result<Timestamp, Refusal> {
        parse_http_date(date_text(request).ok_or(Refusal::HeaderMissing("date"))?)
    }

    /// Checks the signature. It does not cover the body, except through `Content-MD5`.
    pub(crate) fn verify(&self, key: &AccessKey, request: &Signed<'_>) -> Result<(), Refusal> {
        let matches = match self.scheme {
            Scheme::V1 => {
                let expected = STANDARD.encode(key.hmac_sha1("", &[&string_to_sign(request)]));
                equal(expected.as_bytes(), self.signature.as_bytes())
            }
            Scheme::V4 { day, region } => {
                let date = Self::date(request)?;
                let signing_key = v4_key(key, day, region);
                let signs = |values: Values| {
                    let text = v4_string_to_sign(request, date, day, region, values);
                    equal(hex::encode(hmac(&signing_key, &text)).as_bytes(), self.signature.as_bytes())
                };
                signs(Values::Decoded) || signs(Values::Raw)
            }
        };
        matches.then_some(()).ok_or(Refusal::Mismatch)
    }
}

/// Some clients cannot set `Date`.
fn date_text<'a>(request: &Signed<'a>) -> Option<&'a str> {
    request.header("date").or_else(|| request.header("x-mns-date"))
}

fn string_to_sign(request: &Signed<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut line = |text: &str| {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    line(request.method);
    line(request.header("content-md5").unwrap_or_default());
    line(request.header("content-type").unwrap_or_default());
    line(date_text(request).unwrap_or_default());
    push_headers(request, "x-mns-", &mut out);
    out.extend_from_slice(request.path.as_bytes());
    if !request.query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(request.query.as_bytes());
    }
    out
}

/// Which text of a query's value is signed: one client encodes what is encoded already once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Decoded,
    Raw,
}

fn v4_string_to_sign(
    request: &Signed<'_>,
    date: Timestamp,
    day: &str,
    region: &str,
    values: Values,
) -> Vec<u8> {
    // `2026-11-22T08:47:19Z` without what is between the digits.
    let moment: String = date.rfc3339_secs().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let mut out =
        format!("{V4_SCHEME}\n{moment}\n{day}/{region}/mns/{V4_END}\n{}\n", request.method).into_bytes();
    for (index, segment) in request.path.split('/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        encode(&decode(segment.as_bytes(), Plus::Plus), &mut out);
    }
    out.push(b'\n');
    push_v4_query(request.query, values, &mut out);
    out.push(b'\n');
    for name in ["content-md5", "content-type"] {
        if let Some(value) = request.header(name) {
            out.extend_from_slice(format!("{name}:{}\n", value.trim()).as_bytes());
        }
    }
    push_headers(request, "x-mns-", &mut out);
    out.push(b'\n');
    out
}

fn push_v4_query(query: &str, values: Values, out: &mut Vec<u8>) {
    let encoded = |text: &[u8]| {
        let mut out = Vec::with_capacity(text.len());
        encode(text, &mut out);
        out
    };
    let mut pairs: Vec<_> = raw_pairs(query)
        .map(|(name, value)| {
            let name = decode(name.as_bytes(), Plus::Plus).to_ascii_lowercase();
            let value = match values {
                Values::Decoded => decode(value.as_bytes(), Plus::Plus).into_owned(),
                Values::Raw => value.as_bytes().to_vec(),
            };
            (encoded(&name), encoded(&value))
        })
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        if !value.is_empty() {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

fn v4_key(key: &AccessKey, day: &str, region: &str) -> [u8; 32] {
    let secret = ["aliyun_v4", key.secret().expose()].concat();
    [day, region, "mns", V4_END]
        .iter()
        .fold(None, |key: Option<[u8; 32]>, part| {
            let key = key.as_ref().map_or(secret.as_bytes(), |key| key.as_slice());
            Some(hmac(key, part.as_bytes()))
        })
        .expect("there are four parts")
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::testing::{headers, key};

    fn signed<'a>(method: &'a str, target: &'a str, headers: &'a HeaderMap) -> Signed<'a> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Signed { method, path, query, headers }
    }

    fn check(id: &str, secret: &str, authorization: &str, method: &str, target: &str, lines: &str) {
        let headers = headers(lines);
        let mns = Mns::parse(authorization).unwrap();
        assert_eq!(mns.access_key_id, id);
        let request = signed(method, target, &headers);
        assert_eq!(mns.verify(&key(id, secret), &request), Ok(()), "{method} {target}");
        assert_eq!(mns.verify(&key(id, "other"), &request), Err(Refusal::Mismatch));
        let other = [target, if target.contains('?') { "&a=1" } else { "?a=1" }].concat();
        let changed = signed(method, &other, &headers);
        assert_eq!(mns.verify(&key(id, secret), &changed), Err(Refusal::Mismatch), "{method} {other}");
    }

    #[test]
    fn recorded_signatures_are_recomputed() {
        let version = "x-mns-version:2015-06-06";
        let table: [(&str, &str, &str, String); 5] = [
            (
                "AVEvdVE6S7GP3+Exs9s3YWGEZRA=",
                "PUT",
                "/queues/q1",
                format!(
                    "content-md5:MWY0NTBmYWFjYmE5YjRlZTQzZjA4Y2E0N2JhNGUyNDg=\ncontent-type:text/xml;charset=UTF-8\n\
                     date:Sun, 22 Nov 2026 08:45:51 GMT\n{version}"
                ),
            ),
            (
                "svE+8WpOJvH+Dqjs7ZFRQ1ZEP+s=",
                "GET",
                "/queues",
                format!(
                    "date:Sun, 22 Nov 2026 08:45:51 GMT\nx-mns-marker:mark\nx-mns-ret-number:10\n{version}\nx-mns-prefix:q"
                ),
            ),
            (
                "Cvk8eZc1LndqUDh2XtGnjg2hxXc=",
                "DELETE",
                "/queues/q1/messages?ReceiptHandle=1-ODU4OTkzNDU5My0xNDMyNzI3ODI3LTItO+/A==",
                format!("date:Sun, 22 Nov 2026 08:45:52 GMT\n{version}"),
            ),
            (
                "s3J68wmglkLDMtKiktKXFOcTDw8=",
                "PUT",
                "/queues/q1/messages?receiptHandle=1-ODU4+/==&visibilityTimeout=30",
                format!(
                    "content-md5:ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U=\ncontent-type:text/xml\n\
                     date:Sun, 22 Nov 2026 08:45:56 GMT\nx-mns-date:Sun, 22 Nov 2026 08:45:56 GMT\n{version}"
                ),
            ),
            (
                "+Vcd1zn0/HLtKOu8iWd3tDcqUfI=",
                "POST",
                "/queues/q1/messages",
                format!(
                    "content-md5:4VoH+yqVM6vzG5KjDP/lIA==\ncontent-type:text/xml;charset=utf-8\n\
                     date:Sun, 22 Nov 2026 08:45:57 GMT\n{version}"
                ),
            ),
        ];
        for (signature, method, target, lines) in table {
            check("testak", "testsecret", &format!("MNS testak:{signature}"), method, target, &lines);
        }
        let published = "date:Thu, 09 Jul 2015 03:01:34 GMT\nx-mns-version:2015-06-06";
        let authorization = "MNS TestAccessID:uwx3yeWoILzgmvesW0BQSgfM7b8=";
        check("TestAccessID", "TestAccessSecret", authorization, "GET", "/MyQueue", published);
    }

    #[test]
    fn recorded_signatures_of_the_newer_kind_are_recomputed() {
        let plain = "date:Sun, 22 Nov 2026 08:47:19 GMT\nx-mns-version:2015-06-06";
        let with_body =
            format!("{plain}\ncontent-md5:fMisMzP0ix3WH7i1BvZMGA==\ncontent-type:text/xml;charset=UTF-8");
        let table = [
            (
                "137e670b4c57dd505dbd5af2b692e911bd468d1dd8084b4f3df40ca20910cfcb",
                "GET",
                "/queues/q1/messages?waitseconds=3&numOfMessages=16",
                plain,
            ),
            (
                "d4a328575ca6ec45e23c6597c74ce67215d9c053d5ec2c5f9bc45694f2fa2f23",
                "PUT",
                "/queues/q1",
                with_body.as_str(),
            ),
            (
                "6f1a6fbe032530934858c222ae06748a014c6717d6661e444b3e649276d862bf",
                "DELETE",
                "/queues/q1/messages?ReceiptHandle=1-ODU4OTkzNDU5My0xNDMyNzI3ODI3LTItOA==",
                plain,
            ),
            (
                "6f1a6fbe032530934858c222ae06748a014c6717d6661e444b3e649276d862bf",
                "DELETE",
                "/queues/q1/messages?ReceiptHandle=1-ODU4OTkzNDU5My0xNDMyNzI3ODI3LTItOA%3d%3D",
                plain,
            ),
        ];
        for (signature, method, target, lines) in table {
            let scope = "20261122/cn-hangzhou/mns/aliyun_v4_request";
            let authorization = format!("MNS4-HMAC-SHA256 Credential=testak/{scope},Signature={signature}");
            check("testak", "testsecret", &authorization, method, target, lines);
        }
    }

    #[test]
    fn a_date_may_stand_in_another_header() {
        let headers = headers("x-mns-date:Sun, 22 Nov 2026 08:45:56 GMT");
        let request = signed("GET", "/queues", &headers);
        assert!(Mns::date(&request).is_ok());
        let text = String::from_utf8(string_to_sign(&request)).unwrap();
        let expected =
            "GET\n\n\nSun, 22 Nov 2026 08:45:56 GMT\nx-mns-date:Sun, 22 Nov 2026 08:45:56 GMT\n/queues";
        assert_eq!(text, expected);
        let none = HeaderMap::new();
        assert_eq!(Mns::date(&signed("GET", "/queues", &none)), Err(Refusal::HeaderMissing("date")));
    }

    #[test]
    fn other_forms_are_malformed() {
        let table = [
            "",
            "MNS",
            "MNS id",
            "acs id:signature",
            "MNS4-HMAC-SHA256 Credential=id/20261122/r/mns/aliyun_v4_request",
            "MNS4-HMAC-SHA256 Credential=id/20261122/r/oss/aliyun_v4_request,Signature=00",
            "APSARA-MNS4-HMAC-SHA256 Credential=id/20261122/r/mns/apsara_v4_request,Signature=00",
        ];
        for text in table {
            assert_eq!(Mns::parse(text), Err(Refusal::Malformed), "{text}");
        }
    }
}
