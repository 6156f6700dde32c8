//! Who sent a request: the signature schemes V1, V2 and V4 of OSS, in headers and in URLs.
//!
//! A signature is computed over the decoded bucket and key, never over the path on the wire, so one request has one
//! signature however its address is written. Where a request can be read in two ways, the signature tells which one
//! was meant.

mod form;
mod v1;
mod v2;
mod v4;

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};
use kulkul_access::{KeyRefused, Role, Secret, equal};
use kulkul_model::Timestamp;

pub(crate) use form::{FormFields, FormSignature};
pub(crate) use v1::is_signed as is_signed_by_v1;

use crate::address::{Readings, Resource};
use crate::error::{Code, OssError};
use crate::query::Query;

/// How far a request's date may be from ours. Source: OSS, "Add a signature to the header".
const SKEW_MILLIS_MAX: i64 = 15 * 60 * 1000;

/// What the signature of a request covers.
#[derive(Clone, Copy)]
pub(crate) struct SignedParts<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The query.
    pub(crate) query: &'a Query,
    /// The headers as received.
    pub(crate) headers: &'a HeaderMap,
}

/// The key that signed.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    /// Its secret.
    pub(crate) secret: Secret,
    /// What it may do.
    pub(crate) role: Role,
}

/// Finds a key by its id and the security token that came along.
pub(crate) type FindKey<'a> = dyn Fn(&str, Option<&str>) -> Result<Signer, KeyRefused> + Send + Sync + 'a;

/// A request whose signature is right.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// What it names, in the reading that was signed.
    pub(crate) resource: Resource,
    /// What the key may do.
    pub(crate) role: Role,
}

/// What a scheme computed for one reading.
pub(crate) struct Computed {
    /// What was signed.
    pub(crate) string_to_sign: Vec<u8>,
    /// What its hash is part of, for V4.
    pub(crate) canonical_request: Option<Vec<u8>>,
    /// The signature that belongs to it.
    pub(crate) signature: Vec<u8>,
}

/// What a request says of its signature.
enum Claim<'a> {
    V1(v1::Claim<'a>),
    V2(v2::Claim<'a>),
    V4(v4::Claim<'a>),
}

/// Checks the signature of a request, in the order of OSS: form, key, date, token, signature.
pub(crate) fn authenticate(
    request: SignedParts<'_>,
    readings: &Readings,
    strict_region: Option<&str>,
    now: Timestamp,
    find: &FindKey<'_>,
) -> Result<Verified, OssError> {
    refuse_twins(request.headers)?;
    let claim = Claim::of(request)?;
    if let (Claim::V4(claim), Some(region)) = (&claim, strict_region) {
        claim.check_region(region)?;
    }
    let (id, token) = claim.key(request);
    let signer = find(id, token).map_err(|refused| key_refused(refused, id, token))?;
    claim.check_time(request, now)?;
    let provided = claim.provided();
    let mut first = None;
    for resource in std::iter::once(&readings.first).chain(&readings.second) {
        for computed in claim.compute(request, resource, &signer.secret) {
            if provided.as_ref().is_some_and(|provided| equal(provided, &computed.signature)) {
                return Ok(Verified { resource: resource.clone(), role: signer.role });
            }
            first.get_or_insert(computed);
        }
    }
    Err(mismatch(first, id, claim.provided_text()))
}

impl<'a> Claim<'a> {
    fn of(request: SignedParts<'a>) -> Result<Self, OssError> {
        let query = request.query;
        let in_url =
            query.has("x-oss-signature-version") || query.has("Signature") || query.has("OSSAccessKeyId");
        let Some(header) = request.headers.get(http::header::AUTHORIZATION) else {
            return match query.get("x-oss-signature-version") {
                Some("OSS4-HMAC-SHA256") => v4::Claim::in_url(query).map(Self::V4),
                Some(_) => Err(Code::InvalidArgument.with("The signature version is not supported.")),
                None if in_url || query.has("Expires") => v1::Claim::in_url(query).map(Self::V1),
                None if query.pairs().iter().any(|(name, _)| name.starts_with("response-")) => {
                    Err(Code::InvalidRequest
                        .with("An anonymous request cannot choose the headers of its reply."))
                }
                None => Err(anonymous()),
            };
        };
        if in_url {
            return Err(
                Code::InvalidArgument.with("A request is signed in its header or in its URL, not in both.")
            );
        }
        let malformed = || Code::InvalidArgument.with("The Authorization header is malformed.");
        let text = header.to_str().map_err(|_| malformed())?;
        let (scheme, rest) = text.split_once(' ').ok_or_else(malformed)?;
        match scheme {
            "OSS" => v1::Claim::in_header(rest).map(Self::V1),
            "OSS2" => v2::Claim::in_header(rest).map(Self::V2),
            "OSS4-HMAC-SHA256" => v4::Claim::in_header(rest, request.headers).map(Self::V4),
            _ => Err(malformed()),
        }
    }

    /// The key's id and the security token that came along, from any of the places where clients put it.
    fn key(&self, request: SignedParts<'a>) -> (&'a str, Option<&'a str>) {
        let id = match self {
            Self::V1(claim) => claim.id(),
            Self::V2(claim) => claim.id,
            Self::V4(claim) => claim.scope.id,
        };
        let header = |name| request.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let token = header("x-oss-security-token")
            .or_else(|| header("security-token"))
            .or_else(|| request.query.get("x-oss-security-token"))
            .or_else(|| request.query.get("security-token"));
        (id, token.filter(|token| !token.is_empty()))
    }

    fn check_time(&self, request: SignedParts<'_>, now: Timestamp) -> Result<(), OssError> {
        match self {
            Self::V1(claim) => claim.check_time(request.headers, now),
            Self::V2(_) => v1::check_header_date(request.headers, now),
            Self::V4(claim) => claim.check_time(now),
        }
    }

    /// What was computed for a resource; more than one where a client is known to have its own way.
    fn compute(&self, request: SignedParts<'_>, resource: &Resource, secret: &Secret) -> Vec<Computed> {
        match self {
            Self::V1(claim) => vec![claim.compute(request, resource, secret)],
            Self::V2(claim) => vec![claim.compute(request, resource, secret)],
            Self::V4(claim) => claim.compute(request, resource, secret),
        }
    }

    fn provided_text(&self) -> &'a str {
        match self {
            Self::V1(claim) => claim.signature(),
            Self::V2(claim) => claim.signature,
            Self::V4(claim) => claim.signature,
        }
    }

    /// The bytes of the signature, `None` when its text is none.
    fn provided(&self) -> Option<Vec<u8>> {
        match self {
            Self::V1(_) | Self::V2(_) => v1::from_base64(self.provided_text()),
            Self::V4(_) => hex::decode(self.provided_text()).ok(),
        }
    }
}

/// The error of a request that is not signed at all.
pub(crate) fn anonymous() -> OssError {
    Code::AccessDenied.with("You have no right to access this object because of bucket acl.")
}

/// The error of a signature that does not fit. It shows what was signed: no secret is in it, and a user has no other
/// way to find the difference.
pub(crate) fn mismatch(computed: Option<Computed>, id: &str, provided: &str) -> OssError {
    let mut error = Code::SignatureDoesNotMatch.detail("SignatureProvided", provided);
    if let Some(computed) = computed {
        let bytes: Vec<String> = computed.string_to_sign.iter().map(|byte| format!("{byte:02x}")).collect();
        error = error
            .detail("StringToSign", String::from_utf8_lossy(&computed.string_to_sign))
            .detail("StringToSignBytes", bytes.join(" "));
        if let Some(request) = computed.canonical_request {
            error = error.detail("CanonicalRequest", String::from_utf8_lossy(&request));
        }
    }
    error.detail("OSSAccessKeyId", id)
}

/// The error of a key that does not count.
pub(crate) fn key_refused(refused: KeyRefused, id: &str, token: Option<&str>) -> OssError {
    let text = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'=' | b'+' | b'/');
    let code = match refused {
        KeyRefused::Unknown | KeyRefused::Disabled => Code::InvalidAccessKeyId.into(),
        KeyRefused::TokenMissing => {
            Code::InvalidAccessKeyId.with("The request does not carry the STS token.")
        }
        KeyRefused::TokenInvalid if id.starts_with("STS.") && token.is_some_and(|t| t.bytes().all(text)) => {
            Code::AccessKeyIdAndSecurityTokenNotMatch.into()
        }
        KeyRefused::TokenInvalid => Code::InvalidSecurityToken.into(),
        KeyRefused::Expired => Code::SecurityTokenExpired.into(),
    };
    code.detail("OSSAccessKeyId", id)
}

/// The error of a date that is too far from ours, `Ok` when it is not.
pub(crate) fn check_skew(date: Timestamp, now: Timestamp) -> Result<(), OssError> {
    if (now.as_millis().saturating_sub(date.as_millis())).unsigned_abs() <= SKEW_MILLIS_MAX.unsigned_abs() {
        return Ok(());
    }
    Err(Code::RequestTimeTooSkewed
        .detail("RequestTime", crate::time::xml_time(date))
        .detail("ServerTime", crate::time::xml_time(now)))
}

/// The error of a URL whose time is over.
pub(crate) fn expired() -> OssError {
    Code::AccessDenied.with("Request has expired.")
}

/// The error of a request without a date that can be read.
pub(crate) fn no_date() -> OssError {
    Code::AccessDenied.with("OSS authentication requires a valid Date.")
}

/// Refuses headers that are signed and come twice: nobody could say which one was meant. Clients send none.
fn refuse_twins(headers: &HeaderMap) -> Result<(), OssError> {
    let single = |name: &str| {
        name.starts_with("x-oss-")
            || matches!(name, "content-type" | "content-md5" | "date" | "authorization" | "host")
    };
    let twin = headers.keys().find(|name| single(name.as_str()) && headers.get_all(*name).iter().count() > 1);
    match twin {
        Some(name) => {
            Err(Code::InvalidArgument.with("A header was given twice.").detail("ArgumentName", name.as_str()))
        }
        None => Ok(()),
    }
}

/// A header's value as it is signed: trimmed, and in UTF-8. The Python clients sign UTF-8 and send Latin-1.
fn signed_value(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes().trim_ascii();
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The value of a header as it is signed; empty when it is absent.
fn signed_header<'a>(headers: &'a HeaderMap, name: &str) -> Cow<'a, str> {
    headers.get(name).map(signed_value).unwrap_or_default()
}

/// The headers that `wanted` accepts, as `name:value` lines in order of their names.
fn header_lines(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| wanted(name.as_str()))
        .map(|(name, value)| (name.as_str(), signed_value(value)))
        .collect();
    lines.sort();
    lines.iter().flat_map(|(name, value)| [name, ":", value, "\n"].concat().into_bytes()).collect()
}

#[cfg(test)]
mod tests;
