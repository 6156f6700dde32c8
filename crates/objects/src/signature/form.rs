//! The signature of a form: over the policy field as it was sent, which is base64 text.

use std::collections::HashMap;

use kulkul_model::Timestamp;

use super::{Computed, FindKey, Signer, key_refused, mismatch, no_date, v1, v4};
use crate::error::{Code, OssError};
use crate::time::parse_compact;
use kulkul_access::equal;

/// How old the date of a form may be, and how far ahead. Source: OSS, "POST V4 signature".
const AGE_MILLIS_MAX: i64 = 7 * 24 * 3600 * 1000;
const AHEAD_MILLIS_MAX: i64 = 15 * 60 * 1000;

/// The fields of a form before its file, names in lower case.
pub(crate) type FormFields = HashMap<String, String>;

/// What the signature of a form tells.
pub(crate) struct FormSignature {
    /// The key that signed.
    pub(crate) signer: Signer,
    /// Whether it is V4, whose policy must hold conditions on the fields of the signature.
    pub(crate) is_v4: bool,
}

impl FormSignature {
    /// Checks the signature of a form.
    pub(crate) fn check(fields: &FormFields, now: Timestamp, find: &FindKey<'_>) -> Result<Self, OssError> {
        let field = |name: &str| fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let token = field("x-oss-security-token");
        let find = |id: &str| find(id, token).map_err(|refused| key_refused(refused, id, token));
        let is_v4 = field("x-oss-signature-version").is_some();
        let (policy, id, provided) = if is_v4 {
            (field("policy"), field("x-oss-credential"), field("x-oss-signature"))
        } else {
            (field("policy"), field("ossaccesskeyid"), field("signature"))
        };
        let (Some(policy), Some(id), Some(provided)) = (policy, id, provided) else {
            let none = policy.is_none() && id.is_none() && provided.is_none() && !is_v4;
            return Err(if none {
                super::anonymous()
            } else {
                Code::InvalidArgument.with("A signed form needs its policy, key and signature.")
            });
        };
        let (signer, id, signature, provided_bytes) = if is_v4 {
            if field("x-oss-signature-version") != Some("OSS4-HMAC-SHA256") {
                return Err(Code::InvalidArgument.with("The signature version is not supported."));
            }
            let scope = v4::Scope::parse(id)?;
            let date = field("x-oss-date").ok_or_else(no_date)?;
            check_age(parse_compact(date).ok_or_else(no_date)?, now)?;
            scope.check_day(date)?;
            let signer = find(scope.id)?;
            let key = scope.signing_key(&signer.secret);
            let signature = v4::hmac_sha256(&key, policy.as_bytes()).to_vec();
            (signer, scope.id, signature, hex::decode(provided).ok())
        } else {
            let signer = find(id)?;
            let signature = v1::hmac_sha1(&signer.secret, policy.as_bytes());
            (signer, id, signature, v1::from_base64(provided))
        };
        if provided_bytes.is_some_and(|bytes| equal(&bytes, &signature)) {
            return Ok(Self { signer, is_v4 });
        }
        let string_to_sign = policy.as_bytes().to_vec();
        Err(mismatch(Some(Computed { signature, string_to_sign, canonical_request: None }), id, provided))
    }
}

fn check_age(date: Timestamp, now: Timestamp) -> Result<(), OssError> {
    let age = now.as_millis().saturating_sub(date.as_millis());
    if (-AHEAD_MILLIS_MAX..=AGE_MILLIS_MAX).contains(&age) {
        return Ok(());
    }
    Err(Code::AccessDenied.with("The date of the form is too far from that of the server."))
}
