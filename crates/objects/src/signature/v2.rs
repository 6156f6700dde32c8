//! V2: HMAC-SHA256 over the same parts as V1, with chosen headers and all parameters. Only oss2 offers it.

use hmac::{Hmac, KeyInit, Mac};
use kulkul_access::Secret;
use sha2::Sha256;

use super::{Computed, SignedParts, header_lines, signed_header, v1};
use crate::address::Resource;
use crate::encode::{Slash, encode};
use crate::error::{Code, OssError};

/// A V2 signature.
pub(super) struct Claim<'a> {
    pub(super) id: &'a str,
    pub(super) signature: &'a str,
    additional: Vec<String>,
}

impl<'a> Claim<'a> {
    /// Reads what follows `OSS2 ` in the header: `AccessKeyId:{id},AdditionalHeaders:{h1;h2},Signature:{base64}`.
    pub(super) fn in_header(text: &'a str) -> Result<Self, OssError> {
        let (mut id, mut signature, mut additional) = ("", "", Vec::new());
        for part in text.split(',') {
            match part.trim().split_once(':') {
                Some(("AccessKeyId", value)) => id = value,
                Some(("Signature", value)) => signature = value,
                Some(("AdditionalHeaders", value)) => {
                    additional = value.split(';').map(str::to_ascii_lowercase).collect();
                }
                _ => return Err(Code::InvalidArgument.with("The Authorization header is malformed.")),
            }
        }
        if id.is_empty() || signature.is_empty() {
            return Err(Code::InvalidArgument.with("The Authorization header is malformed."));
        }
        additional.sort();
        Ok(Self { id, signature, additional })
    }

    pub(super) fn compute(&self, request: SignedParts<'_>, resource: &Resource, secret: &Secret) -> Computed {
        let mut text = [
            request.method,
            &signed_header(request.headers, "content-md5"),
            &signed_header(request.headers, "content-type"),
            &v1::date_text(request.headers),
            "",
        ]
        .join("\n")
        .into_bytes();
        let wanted = |name: &str| name.starts_with("x-oss-") || self.additional.iter().any(|a| a == name);
        text.extend(header_lines(request.headers, wanted));
        text.extend_from_slice(self.additional.join(";").as_bytes());
        text.push(b'\n');
        let mut path = vec![b'/'];
        if let Some(bucket) = &resource.bucket {
            path.extend_from_slice(bucket);
            path.push(b'/');
            path.extend_from_slice(resource.key.as_deref().unwrap_or_default());
        }
        text.extend_from_slice(encode(&path, Slash::Encode).as_bytes());
        let mut pairs: Vec<String> = request.query.pairs().iter().map(encode_pair).collect();
        pairs.sort();
        if !pairs.is_empty() {
            text.push(b'?');
            text.extend_from_slice(pairs.join("&").as_bytes());
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .expect("an HMAC takes keys of any length");
        mac.update(&text);
        let signature = mac.finalize().into_bytes().to_vec();
        Computed { signature, string_to_sign: text, canonical_request: None }
    }
}

fn encode_pair((name, value): &(String, String)) -> String {
    let name = encode(name.as_bytes(), Slash::Encode);
    if value.is_empty() { name } else { name + "=" + &encode(value.as_bytes(), Slash::Encode) }
}
