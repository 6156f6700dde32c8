//! V1: HMAC-SHA1 over method, digest, type, date, the `x-oss-` headers, and the resource with some parameters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use kulkul_access::Secret;
use kulkul_model::Timestamp;
use sha1::Sha1;

use super::{Computed, SignedParts, check_skew, expired, header_lines, no_date, signed_header};
use crate::address::Resource;
use crate::error::{Code, OssError};
use crate::query::Query;
use crate::time::parse_http_date;

/// The parameters that are part of the resource: the union of what the clients sign.
///
/// Source: oss2 2.19.1, alibabacloud-oss-v2 1.4.1, ali-oss 6.23.0.
pub(super) const SIGNED_PARAMETERS: [&str; 87] = [
    "accessPoint",
    "accessPointPolicy",
    "acl",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "encryption",
    "endTime",
    "group",
    "httpsConfig",
    "inventory",
    "inventoryId",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectInfo",
    "objectMeta",
    "partNumber",
    "policy",
    "position",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "referer",
    "regionList",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "requesterQosInfo",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-ac-forward-allow",
    "x-oss-ac-source-ip",
    "x-oss-ac-subnet-mask",
    "x-oss-ac-vpc-id",
    "x-oss-access-point-name",
    "x-oss-async-process",
    "x-oss-process",
    "x-oss-redundancy-transition-taskid",
    "x-oss-request-payer",
    "x-oss-target-redundancy-type",
    "x-oss-traffic-limit",
    "x-oss-write-get-object-response",
];

/// A V1 signature.
pub(super) enum Claim<'a> {
    Header { id: &'a str, signature: &'a str },
    Url { id: &'a str, signature: &'a str, expires: &'a str },
}

impl<'a> Claim<'a> {
    /// Reads what follows `OSS ` in the header: `{id}:{signature}`.
    pub(super) fn in_header(text: &'a str) -> Result<Self, OssError> {
        match text.trim().rsplit_once(':') {
            Some((id, signature)) if !id.is_empty() && !signature.is_empty() => {
                Ok(Self::Header { id, signature })
            }
            _ => Err(Code::InvalidArgument.with("The Authorization header is malformed.")),
        }
    }

    /// Reads the three parameters of a signed URL.
    pub(super) fn in_url(query: &'a Query) -> Result<Self, OssError> {
        let all = (query.value("OSSAccessKeyId"), query.value("Signature"), query.value("Expires"));
        let (Some(id), Some(signature), Some(expires)) = all else {
            return Err(Code::AccessDenied.with(
                "Query string authentication requires the Signature, Expires and OSSAccessKeyId parameters.",
            ));
        };
        Ok(Self::Url { id, signature, expires })
    }

    pub(super) fn id(&self) -> &'a str {
        match self {
            Self::Header { id, .. } | Self::Url { id, .. } => id,
        }
    }

    pub(super) fn signature(&self) -> &'a str {
        match self {
            Self::Header { signature, .. } | Self::Url { signature, .. } => signature,
        }
    }

    pub(super) fn check_time(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), OssError> {
        match self {
            Self::Header { .. } => check_header_date(headers, now),
            Self::Url { expires, .. } => match expires.parse::<i64>() {
                Ok(seconds) if seconds < now.as_secs() => Err(expired()),
                Ok(_) => Ok(()),
                Err(_) => Err(Code::AccessDenied.with("Invalid date (should be seconds since epoch).")),
            },
        }
    }

    pub(super) fn compute(&self, request: SignedParts<'_>, resource: &Resource, secret: &Secret) -> Computed {
        let date = match self {
            Self::Header { .. } => date_text(request.headers),
            Self::Url { expires, .. } => (*expires).into(),
        };
        let mut text = [
            request.method,
            &signed_header(request.headers, "content-md5"),
            &signed_header(request.headers, "content-type"),
            &date,
            "",
        ]
        .join("\n")
        .into_bytes();
        text.extend(header_lines(request.headers, |name| name.starts_with("x-oss-")));
        push_resource(resource, request.query, &mut text);
        Computed { signature: hmac_sha1(secret, &text), string_to_sign: text, canonical_request: None }
    }
}

/// The date of a request signed in its header: `x-oss-date`, else `Date`.
pub(super) fn date_text(headers: &HeaderMap) -> std::borrow::Cow<'_, str> {
    if headers.contains_key("x-oss-date") {
        return signed_header(headers, "x-oss-date");
    }
    signed_header(headers, "date")
}

/// Checks the date of a request signed in its header. Only an HTTP date counts: in the string to sign it stands
/// where the seconds of a URL stand, and one must never be taken for the other.
pub(super) fn check_header_date(headers: &HeaderMap, now: Timestamp) -> Result<(), OssError> {
    let date = parse_http_date(&date_text(headers)).ok_or_else(no_date)?;
    check_skew(date, now)
}

/// The bytes of a signature in base64.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(super) fn hmac_sha1(secret: &Secret, message: &[u8]) -> Vec<u8> {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()).expect("an HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Writes `/{bucket}/{key}`, decoded, with the parameters that are signed.
fn push_resource(resource: &Resource, query: &Query, text: &mut Vec<u8>) {
    text.push(b'/');
    if let Some(bucket) = &resource.bucket {
        text.extend_from_slice(bucket);
        text.push(b'/');
        text.extend_from_slice(resource.key.as_deref().unwrap_or_default());
    }
    let mut signed: Vec<(&str, &str)> = Vec::new();
    for (name, value) in query.pairs() {
        let first = signed.iter().all(|(known, _)| known != name);
        if first && is_signed(name) {
            signed.push((name, value));
        }
    }
    signed.sort_unstable();
    for (at, (name, value)) in signed.into_iter().enumerate() {
        text.push(if at == 0 { b'?' } else { b'&' });
        text.extend_from_slice(name.as_bytes());
        if !value.is_empty() {
            text.push(b'=');
            text.extend_from_slice(value.as_bytes());
        }
    }
}

/// Whether a parameter is part of the resource that V1 signs.
pub(crate) fn is_signed(name: &str) -> bool {
    SIGNED_PARAMETERS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_parameters_can_be_searched() {
        assert!(SIGNED_PARAMETERS.is_sorted());
        assert!(is_signed("uploads") && is_signed("accessPoint") && !is_signed("prefix") && !is_signed(""));
    }
}
