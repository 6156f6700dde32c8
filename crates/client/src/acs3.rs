//! Requests signed with `ACS3-HMAC-SHA256`.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use hyper::Method;
use kulkul_model::Timestamp;
use sha2::{Digest, Sha256};

use crate::Key;

/// The headers of a signed request, those given among them. `path_and_query` is percent-encoded already, its
/// parameters sorted by name.
pub fn sign(
    key: &Key,
    to: SocketAddr,
    method: &Method,
    path_and_query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<(String, String)> {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let body_hash = hex::encode(Sha256::digest(body));
    let mut signed: Vec<(String, String)> = vec![
        ("host".into(), to.to_string()),
        ("x-acs-content-sha256".into(), body_hash.clone()),
        ("x-acs-date".into(), Timestamp::now().rfc3339_secs()),
        ("x-acs-signature-nonce".into(), uuid::Uuid::new_v4().simple().to_string()),
    ];
    signed.extend(headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())));
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body_hash}");
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let authorization =
        format!("ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}", key.id);
    signed.push(("authorization".into(), authorization));
    signed
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
