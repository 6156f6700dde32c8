//! V4: HMAC-SHA256, by a key derived for the day, the region and the product, over a canonical form of the request.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use kulkul_access::Secret;
use kulkul_model::Timestamp;
use sha2::{Digest, Sha256};

use super::{Computed, SignedParts, check_skew, expired, header_lines, no_date, signed_header, v1};
use crate::address::Resource;
use crate::encode::{Slash, encode};
use crate::error::{Code, OssError};
use crate::query::Query;
use crate::time::parse_compact;

const ALGORITHM: &str = "OSS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The longest life of a signed URL, in seconds: 7 days. Source: OSS, error page 0002-00000232.
const URL_SECONDS_MAX: i64 = 604_800;

/// How far before its date a signed URL counts, for clocks that differ.
const URL_EARLY_MILLIS_MAX: i64 = 15 * 60 * 1000;

/// A credential: whose key, derived for what.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) id: &'a str,
    day: &'a str,
    region: &'a str,
    product: &'a str,
}

/// A V4 signature.
pub(super) struct Claim<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) signature: &'a str,
    additional: Vec<String>,
    date: &'a str,
    /// Seconds of life of a signed URL; `None` for a header.
    life: Option<i64>,
}

impl<'a> Scope<'a> {
    /// Reads `{id}/{yyyymmdd}/{region}/{product}/aliyun_v4_request`, from the right: ids may hold anything but `/`.
    pub(super) fn parse(text: &'a str) -> Result<Self, OssError> {
        let malformed = || Code::InvalidArgument.with("The credential is malformed.");
        let mut parts = text.rsplitn(5, '/');
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or_else(malformed);
        let (terminator, product, region, day, id) = (next()?, next()?, next()?, next()?, next()?);
        if terminator != "aliyun_v4_request" || product != "oss" {
            return Err(malformed());
        }
        Ok(Self { id, day, region, product })
    }

    /// The key that signs for this scope.
    pub(super) fn signing_key(&self, secret: &Secret) -> [u8; 32] {
        let mut key = hmac_sha256(["aliyun_v4", secret.expose()].concat().as_bytes(), self.day.as_bytes());
        for part in [self.region, self.product, "aliyun_v4_request"] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        key
    }

    /// Checks that the key is derived for the day of `date`.
    pub(super) fn check_day(&self, date: &str) -> Result<(), OssError> {
        if date.get(..8) == Some(self.day) {
            return Ok(());
        }
        Err(Code::InvalidArgument.with("The date in the credential is not that of the request."))
    }
}

impl<'a> Claim<'a> {
    /// Reads what follows the algorithm in the header: `Credential=…,AdditionalHeaders=…,Signature=…` in any order.
    pub(super) fn in_header(text: &'a str, headers: &'a HeaderMap) -> Result<Self, OssError> {
        let malformed = || Code::InvalidArgument.with("The Authorization header is malformed.");
        let (mut credential, mut signature, mut additional) = (None, None, None);
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or_else(malformed)?;
            let place = match name {
                "Credential" => &mut credential,
                "Signature" => &mut signature,
                "AdditionalHeaders" => &mut additional,
                _ => return Err(malformed()),
            };
            if place.replace(value).is_some() {
                return Err(malformed());
            }
        }
        let signature = signature.filter(|text| !text.is_empty()).ok_or_else(malformed)?;
        let scope = Scope::parse(credential.ok_or_else(malformed)?)?;
        let additional = additional.map(header_names).transpose()?.unwrap_or_default();
        // One that is missing is found when the time is checked: the key comes before the date.
        let date = headers.get("x-oss-date").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self { scope, signature, additional, date, life: None })
    }

    /// Reads the parameters of a signed URL.
    pub(super) fn in_url(query: &'a Query) -> Result<Self, OssError> {
        let missing = |name: &'static str| {
            Code::InvalidArgument
                .with("A signed URL needs all parameters of its signature.")
                .detail("ArgumentName", name)
        };
        let value = |name: &'static str| query.value(name).ok_or_else(|| missing(name));
        let scope = Scope::parse(value("x-oss-credential")?)?;
        let (signature, date) = (value("x-oss-signature")?, value("x-oss-date")?);
        let life = value("x-oss-expires")?.parse().ok().filter(|life| (1..=URL_SECONDS_MAX).contains(life));
        let life = life.ok_or_else(|| {
            Code::InvalidArgument
                .with("The expiration must be a number of seconds from 1 to 604800.")
                .detail("ArgumentName", "x-oss-expires")
        })?;
        let additional =
            query.get("x-oss-additional-headers").map(header_names).transpose()?.unwrap_or_default();
        Ok(Self { scope, signature, additional, date, life: Some(life) })
    }

    pub(super) fn check_region(&self, region: &str) -> Result<(), OssError> {
        if self.scope.region == region {
            return Ok(());
        }
        Err(Code::InvalidArgument.with("The signing region in credential is invalid."))
    }

    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), OssError> {
        let date = parse_compact(self.date).ok_or_else(no_date)?;
        self.scope.check_day(self.date)?;
        let Some(life) = self.life else { return check_skew(date, now) };
        let age = now.as_millis().saturating_sub(date.as_millis());
        if age > life.saturating_mul(1000) {
            return Err(expired());
        }
        if age < -URL_EARLY_MILLIS_MAX { check_skew(date, now) } else { Ok(()) }
    }

    /// The signature over the documented form and, when some parameter is empty, the one over the form of ali-oss,
    /// which keeps the `=` of empty parameters that V1 would not sign. Both mean the same request.
    pub(super) fn compute(
        &self,
        request: SignedParts<'_>,
        resource: &Resource,
        secret: &Secret,
    ) -> Vec<Computed> {
        let forms: &[bool] =
            if request.query.pairs().iter().any(|(_, v)| v.is_empty()) { &[false, true] } else { &[false] };
        let key = self.scope.signing_key(secret);
        forms.iter().map(|&keep| self.compute_form(request, resource, &key, keep)).collect()
    }

    fn compute_form(
        &self,
        request: SignedParts<'_>,
        resource: &Resource,
        key: &[u8; 32],
        keep_equals: bool,
    ) -> Computed {
        let mut text = [
            request.method,
            &canonical_path(resource),
            &self.canonical_query(request.query, keep_equals),
            "",
        ]
        .join("\n")
        .into_bytes();
        let wanted = |name: &str| {
            name.starts_with("x-oss-")
                || matches!(name, "content-type" | "content-md5")
                || self.additional.iter().any(|a| a == name)
        };
        text.extend(header_lines(request.headers, wanted));
        let payload = signed_header(request.headers, "x-oss-content-sha256");
        let payload = if payload.is_empty() { UNSIGNED } else { &payload };
        text.extend_from_slice(["\n", &self.additional.join(";"), "\n", payload].concat().as_bytes());
        let Scope { day, region, product, .. } = self.scope;
        let string_to_sign = format!(
            "{ALGORITHM}\n{}\n{day}/{region}/{product}/aliyun_v4_request\n{}",
            self.date,
            hex::encode(Sha256::digest(&text))
        )
        .into_bytes();
        let signature = hmac_sha256(key, &string_to_sign).to_vec();
        Computed { signature, string_to_sign, canonical_request: Some(text) }
    }

    fn canonical_query(&self, query: &Query, keep_equals: bool) -> String {
        let mut pairs: Vec<(String, String, bool)> = query
            .pairs()
            .iter()
            .filter(|(name, _)| self.life.is_none() || name != "x-oss-signature")
            .map(|(name, value)| {
                let equals = !value.is_empty() || (keep_equals && !v1::is_signed(name));
                (encode(name.as_bytes(), Slash::Encode), encode(value.as_bytes(), Slash::Encode), equals)
            })
            .collect();
        pairs.sort();
        let written: Vec<String> = pairs
            .into_iter()
            .map(|(name, value, equals)| if equals { name + "=" + &value } else { name })
            .collect();
        written.join("&")
    }
}

pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn canonical_path(resource: &Resource) -> String {
    let Some(bucket) = &resource.bucket else { return "/".to_owned() };
    let key = resource.key.as_deref().unwrap_or_default();
    format!("/{}/{}", encode(bucket, Slash::Keep), encode(key, Slash::Keep))
}

/// Names of additional headers, lower-case and sorted. Source: OSS, error pages 0002-00000209 and -00000210.
fn header_names(text: &str) -> Result<Vec<String>, OssError> {
    let mut names: Vec<String> = text.split(';').map(str::to_ascii_lowercase).collect();
    if names.iter().any(String::is_empty) {
        return Err(Code::InvalidArgument.with("The names of additional headers must not be empty."));
    }
    names.sort();
    names.dedup();
    Ok(names)
}
