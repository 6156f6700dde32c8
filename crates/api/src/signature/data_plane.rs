//! The signature of EventBridge's data plane: `acs:<id>:<HMAC-SHA1>`.
//!
//! The client libraries sign the `x-acs` headers. The published example for plain HTTP signs the `x-eventbridge`
//! headers instead, and writes `null` for a date that is missing. Both are accepted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_access::{AccessKey, equal};

use super::fc_legacy::push_headers;
use super::{Refusal, Signed};

/// The header `Authorization` of this kind, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataPlane<'a> {
    pub(crate) access_key_id: &'a str,
    signature: &'a str,
}

impl<'a> DataPlane<'a> {
    pub(crate) fn parse(authorization: &'a str) -> Result<Self, Refusal> {
        let rest = authorization.strip_prefix("acs:").ok_or(Refusal::Malformed)?;
        let (access_key_id, signature) = rest.trim().split_once(':').ok_or(Refusal::Malformed)?;
        Ok(Self { access_key_id, signature })
    }

    /// Checks the signature. It does not cover the body.
    pub(crate) fn verify(&self, key: &AccessKey, request: &Signed<'_>) -> Result<(), Refusal> {
        let matches = |signed: &[u8]| {
            let expected = STANDARD.encode(key.hmac_sha1("", &[signed]));
            equal(expected.as_bytes(), self.signature.as_bytes())
        };
        let libraries = string_to_sign(request, "x-acs", "");
        let example = || string_to_sign(request, "x-eventbridge", "null");
        match matches(&libraries) || matches(&example()) {
            true => Ok(()),
            false => Err(Refusal::Mismatch),
        }
    }
}

fn string_to_sign(request: &Signed<'_>, prefix: &str, no_date: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut line = |text: &str| {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    line(request.method);
    line(request.header("content-md5").unwrap_or_default());
    line(request.header("content-type").unwrap_or_default());
    line(request.header("date").unwrap_or(no_date));
    push_headers(request, prefix, &mut out);
    out.extend_from_slice(request.path.as_bytes());
    if !request.query.is_empty() {
        let mut pairs: Vec<&str> = request.query.split('&').collect();
        pairs.sort_by_key(|pair| pair.split_once('=').map_or(*pair, |(name, _)| name));
        out.push(b'?');
        out.extend_from_slice(pairs.join("&").as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{headers, key};

    const HEADERS: &str = "date:Sun, 22 Nov 2026 07:00:00 GMT
        accept:application/json
        x-acs-signature-nonce:0123456789abcdef0123456789abcdef
        x-acs-signature-method:HMAC-SHA1
        x-acs-signature-version:1.0
        x-eventbridge-version:2015-06-06
        content-type:application/cloudevents-batch+json; charset=utf-8";

    fn request(headers: &http::HeaderMap) -> Signed<'_> {
        Signed { method: "POST", path: "/openapi/putEvents", query: "", headers }
    }

    #[test]
    fn the_recorded_signature_is_recomputed() {
        let headers = headers(HEADERS);
        let signed = DataPlane::parse("acs:AKID:ThmG2xg4AI3K8uqHH0giKV46Vfw=").unwrap();
        assert_eq!(signed.access_key_id, "AKID");
        assert_eq!(signed.verify(&key("AKID", "SECRET"), &request(&headers)), Ok(()));
        assert_eq!(signed.verify(&key("AKID", "secret"), &request(&headers)), Err(Refusal::Mismatch));
        let other = Signed { path: "/openapi/createRule", ..request(&headers) };
        assert_eq!(signed.verify(&key("AKID", "SECRET"), &other), Err(Refusal::Mismatch));
    }

    #[test]
    fn the_published_example_for_plain_http_is_accepted_too() {
        let mut headers = headers(HEADERS);
        headers.remove("date");
        let text = "POST\n\napplication/cloudevents-batch+json; charset=utf-8\nnull\nx-eventbridge-version:2015-06-06\n/openapi/putEvents";
        let signature = STANDARD.encode(key("AKID", "SECRET").hmac_sha1("", &[text.as_bytes()]));
        let authorization = format!("acs:AKID:{signature}");
        let signed = DataPlane::parse(&authorization).unwrap();
        assert_eq!(signed.verify(&key("AKID", "SECRET"), &request(&headers)), Ok(()));
    }

    #[test]
    fn queries_are_sorted_by_name() {
        let headers = headers("date:d");
        let request = Signed { query: "b=2&a=1&a1=0", ..request(&headers) };
        let text = string_to_sign(&request, "x-acs", "");
        assert_eq!(String::from_utf8(text).unwrap(), "POST\n\n\nd\n/openapi/putEvents?a=1&a1=0&b=2");
    }
}
