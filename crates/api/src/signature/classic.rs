//! The classic RPC signature of older clients: HMAC-SHA1 over all parameters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_access::{AccessKey, equal};

use super::Refusal;
use crate::percent::encode;

/// What the classic signature says of itself, in parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Classic<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) security_token: Option<&'a str>,
    pub(crate) timestamp: &'a str,
    pub(crate) nonce: &'a str,
    signature: &'a str,
}

impl<'a> Classic<'a> {
    /// Finds the parts among the parameters; `get` looks one up by name.
    pub(crate) fn find(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Refusal> {
        let signature = get("Signature").ok_or(Refusal::Unsigned)?;
        if get("SignatureMethod").is_some_and(|method| !method.eq_ignore_ascii_case("HMAC-SHA1")) {
            return Err(Refusal::Malformed);
        }
        let required = |name: &'static str| get(name).ok_or(Refusal::ParameterMissing(name));
        Ok(Self {
            access_key_id: required("AccessKeyId")?,
            security_token: get("SecurityToken"),
            timestamp: required("Timestamp")?,
            nonce: required("SignatureNonce")?,
            signature,
        })
    }

    /// Checks the signature over all parameters of query and form, decoded.
    pub(crate) fn verify<'p>(
        &self,
        key: &AccessKey,
        method: &str,
        parameters: impl Iterator<Item = (&'p str, &'p str)>,
    ) -> Result<(), Refusal> {
        let signed = string_to_sign(method, parameters);
        let expected = STANDARD.encode(key.hmac_sha1("&", &[&signed]));
        match equal(expected.as_bytes(), self.signature.as_bytes()) {
            true => Ok(()),
            false => Err(Refusal::Mismatch),
        }
    }
}

/// `METHOD&%2F&` and the encoded, sorted, joined and once more encoded parameters.
fn string_to_sign<'p>(method: &str, parameters: impl Iterator<Item = (&'p str, &'p str)>) -> Vec<u8> {
    let mut pairs: Vec<_> = parameters.filter(|(name, _)| *name != "Signature").collect();
    pairs.sort();
    let mut joined = Vec::new();
    for (name, value) in pairs {
        if !joined.is_empty() {
            joined.push(b'&');
        }
        encode(name.as_bytes(), &mut joined);
        joined.push(b'=');
        encode(value.as_bytes(), &mut joined);
    }
    let mut out = [method, "&%2F&"].concat().into_bytes();
    encode(&joined, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::key;

    /// Source: the worked example in the cloud's description of RPC signatures (`DescribeRegions`).
    const PARAMETERS: [(&str, &str); 8] = [
        ("TimeStamp", "2016-02-23T12:46:24Z"),
        ("Format", "XML"),
        ("AccessKeyId", "testid"),
        ("Action", "DescribeRegions"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
        ("Version", "2014-05-26"),
        ("SignatureVersion", "1.0"),
    ];

    fn find(parameters: &[(&'static str, &'static str)]) -> Result<Classic<'static>, Refusal> {
        Classic::find(|name| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn the_documented_example_is_recomputed() {
        // The example names its time `TimeStamp`; the clients write `Timestamp`, which sorts differently.
        let signed = string_to_sign("GET", PARAMETERS.into_iter());
        let expected = "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0%26TimeStamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26";
        assert_eq!(String::from_utf8(signed).unwrap(), expected);
    }

    #[test]
    fn a_signature_covers_method_names_and_values() {
        let mut parameters = PARAMETERS.to_vec();
        parameters[0] = ("Timestamp", "2016-02-23T12:46:24Z");
        let mac = key("testid", "testsecret")
            .hmac_sha1("&", &[&string_to_sign("POST", parameters.iter().copied())]);
        let signature: &'static str = STANDARD.encode(mac).leak();
        parameters.push(("Signature", signature));
        let classic = find(&parameters).unwrap();
        assert_eq!((classic.access_key_id, classic.security_token), ("testid", None));
        let verify = |method, parameters: &[(&'static str, &'static str)]| {
            classic.verify(&key("testid", "testsecret"), method, parameters.iter().copied())
        };
        assert_eq!(verify("POST", &parameters), Ok(()));
        assert_eq!(verify("GET", &parameters), Err(Refusal::Mismatch));
        parameters[3] = ("Action", "DeleteRule");
        assert_eq!(verify("POST", &parameters), Err(Refusal::Mismatch));
        parameters[3] = ("Actio", "nDescribeRegions");
        assert_eq!(verify("POST", &parameters), Err(Refusal::Mismatch));
    }

    #[test]
    fn missing_parts_are_named() {
        let table: [(&[(&str, &str)], Refusal); 4] = [
            (&[], Refusal::Unsigned),
            (&[("Signature", "x")], Refusal::ParameterMissing("AccessKeyId")),
            (&[("Signature", "x"), ("AccessKeyId", "a")], Refusal::ParameterMissing("Timestamp")),
            (&[("Signature", "x"), ("SignatureMethod", "HMAC-SHA256")], Refusal::Malformed),
        ];
        for (parameters, expected) in table {
            assert_eq!(find(parameters), Err(expected));
        }
    }
}
