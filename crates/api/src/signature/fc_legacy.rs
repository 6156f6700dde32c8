//! The older signature of Function Compute clients (`signature_algorithm = "v2"`): `acs <id>:<HMAC-SHA1>`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_access::{AccessKey, equal};

use super::{Refusal, Signed};

/// The header `Authorization` of this kind, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FcLegacy<'a> {
    pub(crate) access_key_id: &'a str,
    signature: &'a str,
}

impl<'a> FcLegacy<'a> {
    /// Whether a header `Authorization` is of this kind.
    pub(crate) fn is(authorization: &str) -> bool {
        authorization.starts_with("acs ")
    }

    pub(crate) fn parse(authorization: &'a str) -> Result<Self, Refusal> {
        let rest = authorization.strip_prefix("acs ").ok_or(Refusal::Malformed)?;
        let (access_key_id, signature) = rest.trim().split_once(':').ok_or(Refusal::Malformed)?;
        Ok(Self { access_key_id, signature })
    }

    /// Checks the signature. The body is covered only if the client sent its hash in an `x-acs-` header.
    pub(crate) fn verify(&self, key: &AccessKey, request: &Signed<'_>) -> Result<(), Refusal> {
        let expected = STANDARD.encode(key.hmac_sha1("", &[&string_to_sign(request)]));
        match equal(expected.as_bytes(), self.signature.as_bytes()) {
            true => Ok(()),
            false => Err(Refusal::Mismatch),
        }
    }
}

/// Method, `accept`, `content-md5`, `content-type`, `date`, all `x-acs-` headers by name, path and query as sent.
fn string_to_sign(request: &Signed<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut line = |text: &str| {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    line(request.method);
    for name in ["accept", "content-md5", "content-type", "date"] {
        line(request.header(name).unwrap_or_default());
    }
    push_headers(request, "x-acs-", &mut out);
    out.extend_from_slice(request.path.as_bytes());
    if !request.query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(request.query.as_bytes());
    }
    out
}

/// Appends `name:value` lines of all headers whose names start with `prefix`, by name.
pub(super) fn push_headers(request: &Signed<'_>, prefix: &str, out: &mut Vec<u8>) {
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(prefix))
        .map(|(name, value)| (name.as_str(), value.as_bytes().trim_ascii()))
        .collect();
    headers.sort();
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{headers, key};

    #[test]
    fn what_is_signed_is_method_headers_path_and_query() {
        let headers = headers(
            "accept:application/json
            content-type:application/json
            date:Sun, 22 Nov 2026 07:00:00 GMT
            x-acs-version:2023-03-30
            x-acs-action:ListFunctions
            x-fc-log-type:Tail",
        );
        let request =
            Signed { method: "GET", path: "/2023-03-30/functions", query: "b=1&a=%20", headers: &headers };
        let expected = "GET\napplication/json\n\napplication/json\nSun, 22 Nov 2026 07:00:00 GMT\nx-acs-action:ListFunctions\nx-acs-version:2023-03-30\n/2023-03-30/functions?b=1&a=%20";
        assert_eq!(String::from_utf8(string_to_sign(&request)).unwrap(), expected);
        let signature = STANDARD.encode(key("AKID", "s").hmac_sha1("", &[expected.as_bytes()]));
        let text = format!("acs AKID:{signature}");
        let legacy = FcLegacy::parse(&text).unwrap();
        assert_eq!(legacy.access_key_id, "AKID");
        assert_eq!(legacy.verify(&key("AKID", "s"), &request), Ok(()));
        let changed = Signed { query: "b=1", ..request };
        assert_eq!(legacy.verify(&key("AKID", "s"), &changed), Err(Refusal::Mismatch));
    }
}
