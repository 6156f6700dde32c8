//! ACS3-HMAC-SHA256, which all current clients send.
//!
//! Source: "Signature mechanism" of the cloud; recomputed for recorded requests of the official clients.

use kulkul_access::{AccessKey, equal};
use sha2::{Digest, Sha256};

use super::{Refusal, Signed};
use crate::query::push_canonical;

/// More signed headers than any client sends.
const SIGNED_HEADER_COUNT_MAX: usize = 100;

/// The header `Authorization` of this kind, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acs3<'a> {
    /// Who says to have signed.
    pub(crate) access_key_id: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Acs3<'a> {
    /// Whether a header `Authorization` is of this kind.
    pub(crate) fn is(authorization: &str) -> bool {
        authorization.starts_with("ACS3-HMAC-SHA256")
    }

    /// Takes `ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…` apart. The parts may come in any order.
    pub(crate) fn parse(authorization: &'a str) -> Result<Self, Refusal> {
        let rest = authorization.strip_prefix("ACS3-HMAC-SHA256 ").ok_or(Refusal::Malformed)?;
        let (mut access_key_id, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(Refusal::Malformed)?;
            let slot = match name {
                "Credential" => &mut access_key_id,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(Refusal::Malformed),
            };
            if slot.replace(value).is_some() || value.is_empty() {
                return Err(Refusal::Malformed);
            }
        }
        match (access_key_id, signed_headers, signature) {
            (Some(access_key_id), Some(signed_headers), Some(signature)) => {
                Ok(Self { access_key_id, signed_headers, signature })
            }
            _ => Err(Refusal::Malformed),
        }
    }

    /// Checks the signature; `content_sha256` is the value of `x-acs-content-sha256`.
    ///
    /// The body is not looked at: whoever reads it compares it with that value, see [`check_body`](Self::check_body).
    pub(crate) fn verify(
        &self,
        key: &AccessKey,
        request: &Signed<'_>,
        content_sha256: &str,
    ) -> Result<(), Refusal> {
        let canonical = self.canonical_request(request, content_sha256)?;
        let mut hash = [0; 64];
        hex::encode_to_slice(Sha256::digest(&canonical), &mut hash).expect("32 bytes are 64 digits");
        let mut expected = [0; 64];
        let mac = key.hmac_sha256(&[b"ACS3-HMAC-SHA256\n", &hash]);
        hex::encode_to_slice(mac, &mut expected).expect("32 bytes are 64 digits");
        match equal(&expected, self.signature.as_bytes()) {
            true => Ok(()),
            false => Err(Refusal::Mismatch),
        }
    }

    /// Checks that a body is the one that was signed.
    pub(crate) fn check_body(body: &[u8], content_sha256: &str) -> Result<(), Refusal> {
        let mut hash = [0; 64];
        hex::encode_to_slice(Sha256::digest(body), &mut hash).expect("32 bytes are 64 digits");
        match equal(&hash, content_sha256.as_bytes()) {
            true => Ok(()),
            false => Err(Refusal::BodyMismatch),
        }
    }

    fn canonical_request(&self, request: &Signed<'_>, content_sha256: &str) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::with_capacity(1024);
        for part in [request.method, request.path] {
            out.extend_from_slice(part.as_bytes());
            out.push(b'\n');
        }
        if !request.query.is_empty() {
            push_canonical(request.query, &mut out);
        }
        out.push(b'\n');
        let mut seen = Seen::default();
        for (index, name) in self.signed_headers.split(';').enumerate() {
            if index == SIGNED_HEADER_COUNT_MAX {
                return Err(Refusal::Malformed);
            }
            // A header that was signed and is gone: what arrived is not what was sent.
            let value = request.headers.get(name).ok_or(Refusal::Mismatch)?;
            seen.note(name);
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_bytes().trim_ascii());
            out.push(b'\n');
        }
        seen.check(request)?;
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(content_sha256.as_bytes());
        Ok(out)
    }
}

/// Which of the headers that decide what a request does were signed.
#[derive(Default)]
struct Seen {
    host: bool,
    date: bool,
    content_sha256: bool,
    action: bool,
    version: bool,
}

impl Seen {
    fn note(&mut self, name: &str) {
        match name {
            "host" => self.host = true,
            "x-acs-date" => self.date = true,
            "x-acs-content-sha256" => self.content_sha256 = true,
            "x-acs-action" => self.action = true,
            "x-acs-version" => self.version = true,
            _ => {}
        }
    }

    /// Action and version need a signature only when they are sent.
    fn check(&self, request: &Signed<'_>) -> Result<(), Refusal> {
        let sent = |name| request.headers.contains_key(name);
        let missing = |name| Err(Refusal::HeaderNotSigned(name));
        match self {
            Self { host: false, .. } => missing("host"),
            Self { date: false, .. } => missing("x-acs-date"),
            Self { content_sha256: false, .. } => missing("x-acs-content-sha256"),
            Self { action: false, .. } if sent("x-acs-action") => missing("x-acs-action"),
            Self { version: false, .. } if sent("x-acs-version") => missing("x-acs-version"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{headers, key};

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// One recorded or computed request.
    struct Vector {
        secret: &'static str,
        method: &'static str,
        target: &'static str,
        headers: &'static str,
        signed: &'static str,
        canonical_hash: Option<&'static str>,
        signature: &'static str,
    }

    /// Source: recordings of the official clients, and one computed for EventBridge.
    const VECTORS: [Vector; 3] = [
        Vector {
            secret: "secret",
            method: "GET",
            target: "/2023-03-30/functions?fcVersion=v3&limit=10&nextToken=t%3D%3D&prefix=re&tags=%5B%7B%22Key%22%3A%22env%22%2C%22Value%22%3A%22dev%22%7D%5D",
            headers: "accept:application/json
                host:127.0.0.1:18923
                user-agent:AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2
                x-acs-action:ListFunctions
                x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
                x-acs-credentials-provider:static_ak
                x-acs-date:2026-11-22T07:21:54Z
                x-acs-signature-nonce:12da31e71438caa6da578c66ba01b718
                x-acs-version:2023-03-30",
            signed: "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version",
            canonical_hash: Some("2440c408e6637cf86e04ca5f81c067e8646ca08685c57151a774762e5e344759"),
            signature: "33c43f533d1ca99e1230ddd6849bd9256c8ed5e8a51da72ae07687d77fbd97bd",
        },
        Vector {
            secret: "secret",
            method: "GET",
            target: "/2023-03-30/functions/a%24b%2Fc%20d",
            headers: "accept:application/json
                host:127.0.0.1:18923
                user-agent:AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2
                x-acs-action:GetFunction
                x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
                x-acs-credentials-provider:static_ak
                x-acs-date:2026-11-22T07:21:54Z
                x-acs-signature-nonce:c6d85007fdd34ca4acb811adce723ffa
                x-acs-version:2023-03-30",
            signed: "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version",
            canonical_hash: Some("8a7bb8427a1e61d47389f2f80657c4235c59a7488e7dc0890d858620134e73cd"),
            signature: "0e9fed8301d7ee62a595e9daec9185774a06ccbd3a0a34ab2e1f6f5bcbf1b2a7",
        },
        Vector {
            secret: "SECRET",
            method: "POST",
            target: "/?EventBusName=b1",
            headers: "accept:application/json
                host:127.0.0.1:18321
                user-agent:ua
                x-acs-action:GetEventBus
                x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
                x-acs-credentials-provider:static_ak
                x-acs-date:2026-11-22T07:00:00Z
                x-acs-signature-nonce:0123456789abcdef0123456789abcdef
                x-acs-version:2020-04-01",
            signed: "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version",
            canonical_hash: Some("bd67efed2492d1a7ae1cb3672b183f53610a6f33070cb4e7c71ed2b1b2bda575"),
            signature: "bf15ccea782bef362438d4a934a13b49797831d17c33d62e0867378dcb8ebbe6",
        },
    ];

    #[test]
    fn recorded_signatures_are_recomputed() {
        for vector in &VECTORS {
            let headers = headers(vector.headers);
            let (path, query) = vector.target.split_once('?').unwrap_or((vector.target, ""));
            let request = Signed { method: vector.method, path, query, headers: &headers };
            let text = format!(
                "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders={},Signature={}",
                vector.signed, vector.signature
            );
            let authorization = Acs3::parse(&text).unwrap();
            let canonical = authorization.canonical_request(&request, EMPTY).unwrap();
            if let Some(hash) = vector.canonical_hash {
                assert_eq!(hex::encode(Sha256::digest(&canonical)), hash, "{}", vector.target);
            }
            let key = key("AKID", vector.secret);
            assert_eq!(authorization.verify(&key, &request, EMPTY), Ok(()), "{}", vector.target);
        }
    }

    /// Both clients' recorded `CreateFunction`: their hosts, bodies and sets of signed headers differ.
    #[test]
    fn the_hash_of_a_recorded_body_is_that_of_its_header() {
        let python = r#"{"code":{"zipFile":"UEsDBA=="},"cpu":0.35,"diskSize":512,"environmentVariables":{"K":"V é"},"functionName":"resize","handler":"index.handler","instanceLifecycleConfig":{"initializer":{"handler":"index.init","timeout":10}},"layers":["acs:fc:cn-hangzhou:1:layers/l/versions/1"],"memorySize":512,"runtime":"python3.10","tags":[{"Key":"env","Value":"dev"}],"timeout":60}"#;
        let node = r#"{"code":{"zipFile":"UEs="},"functionName":"nresize","handler":"index.handler","runtime":"nodejs20"}"#;
        let table = [
            (python, "bc4ab4652e2e843ccf44d00e08f71fd5c53a07bf282e083cf3965a1e4ebc2dcb"),
            (node, "c8bc9c4fd8f869a6619fb2e8b8e8222f66c0176195d92ea7cc804b222f5a7aca"),
        ];
        for (body, hash) in table {
            assert_eq!(Acs3::check_body(body.as_bytes(), hash), Ok(()));
            assert_eq!(Acs3::check_body(&body.as_bytes()[1..], hash), Err(Refusal::BodyMismatch));
        }
    }

    const RECORDED: &str = "host:127.0.0.1:18923
        x-acs-version:2023-03-30
        x-acs-action:CreateFunction
        user-agent:AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2
        x-acs-date:2026-11-22T07:21:54Z
        x-acs-signature-nonce:54de69727b6413ef3ccd8ffcb8e04609
        accept:application/json
        content-type:application/json; charset=utf-8
        x-acs-content-sha256:bc4ab4652e2e843ccf44d00e08f71fd5c53a07bf282e083cf3965a1e4ebc2dcb
        x-acs-credentials-provider:static_ak";

    #[test]
    fn recorded_requests_with_a_body_are_recomputed() {
        let node = "host:127.0.0.1:18923
            x-acs-version:2023-03-30
            x-acs-action:CreateFunction
            user-agent:AlibabaCloud (linux; x64) Node.js/v20.20.2 Core/1.0.1 TeaDSL/2
            x-acs-date:2026-11-22T07:22:48Z
            x-acs-signature-nonce:f2646b09e6950f91f98ae0bc90f9c5f387be7fa39a535b3699994895d6d8842f
            accept:application/json
            content-type:application/json; charset=utf-8
            x-acs-content-sha256:c8bc9c4fd8f869a6619fb2e8b8e8222f66c0176195d92ea7cc804b222f5a7aca
            x-acs-credentials-provider:static_ak";
        let table = [
            (
                RECORDED,
                "ACS3-HMAC-SHA256 Credential=AKIDTEST,SignedHeaders=accept;content-type;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=d8a8166de90f26c0936e5320314bc453d682bcbd759e736609d7dc8e2072c688",
            ),
            (
                node,
                "ACS3-HMAC-SHA256 Credential=AKIDNODE,SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=a3ac70b65498d4853dcda48b630a5efa3e69f8582befca51c18b1b9e4e9fde6a",
            ),
        ];
        for (text, authorization) in table {
            let headers = headers(text);
            let request =
                Signed { method: "POST", path: "/2023-03-30/functions", query: "", headers: &headers };
            let hash = request.header("x-acs-content-sha256").unwrap();
            let parsed = Acs3::parse(authorization).unwrap();
            assert_eq!(parsed.verify(&key(parsed.access_key_id, "secret"), &request, hash), Ok(()));
        }
    }

    #[test]
    fn every_part_of_a_request_is_covered() {
        let vector = &VECTORS[0];
        let headers_before = headers(vector.headers);
        let (path, query) = vector.target.split_once('?').unwrap();
        let request = Signed { method: "GET", path, query, headers: &headers_before };
        let text = format!(
            "ACS3-HMAC-SHA256 Credential=AKID, SignedHeaders={}, Signature={}",
            vector.signed, vector.signature
        );
        let authorization = Acs3::parse(&text).unwrap();
        let verify = |request: &Signed<'_>, secret: &str, hash: &str| {
            authorization.verify(&key("AKID", secret), request, hash)
        };
        assert_eq!(verify(&request, "secret", EMPTY), Ok(()));
        assert_eq!(verify(&request, "Secret", EMPTY), Err(Refusal::Mismatch));
        assert_eq!(verify(&request, "secret", &EMPTY.to_uppercase()), Err(Refusal::Mismatch));
        for changed in [
            Signed { method: "PUT", ..request },
            Signed { path: "/2023-03-30/function", ..request },
            Signed { query: "", ..request },
            Signed { query: &query.replace("limit=10", "limit=11"), ..request },
        ] {
            assert_eq!(verify(&changed, "secret", EMPTY), Err(Refusal::Mismatch), "{changed:?}");
        }
        let reordered: Vec<&str> = query.split('&').rev().collect();
        assert_eq!(verify(&Signed { query: &reordered.join("&"), ..request }, "secret", EMPTY), Ok(()));
        for name in vector.signed.split(';') {
            let mut other = headers_before.clone();
            other.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), "x".parse().unwrap());
            let changed = Signed { headers: &other, ..request };
            assert_eq!(verify(&changed, "secret", EMPTY), Err(Refusal::Mismatch), "{name}");
            other.remove(name);
            let changed = Signed { headers: &other, ..request };
            assert_eq!(verify(&changed, "secret", EMPTY), Err(Refusal::Mismatch), "{name}");
        }
    }

    #[test]
    fn what_decides_the_request_must_be_signed() {
        let headers = headers(RECORDED);
        let request = Signed { method: "POST", path: "/", query: "", headers: &headers };
        let all = ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-version"];
        for left_out in all {
            let rest: Vec<&str> = all.into_iter().filter(|name| *name != left_out).collect();
            let text = format!("ACS3-HMAC-SHA256 Credential=A,SignedHeaders={},Signature=x", rest.join(";"));
            let refused = Acs3::parse(&text).unwrap().verify(&key("A", "s"), &request, EMPTY);
            assert_eq!(refused, Err(Refusal::HeaderNotSigned(left_out)));
        }
    }

    #[test]
    fn a_malformed_header_is_refused() {
        for text in [
            "",
            "ACS3-HMAC-SHA256",
            "ACS3-HMAC-SHA256 ",
            "ACS3-HMAC-SHA256 Credential=a",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=",
            "ACS3-HMAC-SHA256 Credential=a,Credential=a,SignedHeaders=b,Signature=c",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c,Other=d",
            "ACS3-HMAC-SHA256 Credential,SignedHeaders=b,Signature=c",
        ] {
            assert_eq!(Acs3::parse(text), Err(Refusal::Malformed), "{text}");
        }
        let many = format!(
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders={},Signature=c",
            vec!["host"; SIGNED_HEADER_COUNT_MAX + 1].join(";")
        );
        let headers = headers("host:x");
        let request = Signed { method: "GET", path: "/", query: "", headers: &headers };
        let refused = Acs3::parse(&many).unwrap().verify(&key("a", "s"), &request, EMPTY);
        assert_eq!(refused, Err(Refusal::Malformed));
    }
}
