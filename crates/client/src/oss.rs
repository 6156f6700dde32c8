//! Requests to buckets, signed with version 1 of the object API.

use std::net::SocketAddr;

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use hyper::Method;
use sha1::Sha1;

use crate::Key;
use crate::acs3::encode;

/// The headers of a signed request for a bucket, or a bucket and key, without a sub-resource.
pub fn sign(
    key: &Key,
    to: SocketAddr,
    method: &Method,
    path: &str,
    content_type: &str,
) -> Vec<(String, String)> {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let resource = if path.contains('/') { format!("/{path}") } else { format!("/{path}/") };
    let to_sign = format!("{method}\n\n{content_type}\n{date}\n{resource}");
    let mut mac = Hmac::<Sha1>::new_from_slice(key.secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let mut headers = vec![
        ("host".to_owned(), to.to_string()),
        ("date".to_owned(), date),
        ("authorization".to_owned(), format!("OSS {}:{signature}", key.id)),
    ];
    if !content_type.is_empty() {
        headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    headers
}

/// The request target of a bucket, or of a bucket and key, given without escapes.
pub fn target(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(encode).collect();
    format!("/{}", segments.join("/"))
}
