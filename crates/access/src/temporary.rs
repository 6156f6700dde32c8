//! Temporary keys: made from a key for a time, described by their own security token.
//!
//! The token is `{claims}.{seal}`. The claims say which key they were made from, the role and the end; the seal is an
//! HMAC over id and claims, and the secret is another one. Both can be computed again by whoever has the sealing key,
//! so nothing needs to be stored, and nothing can be forged without it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kulkul_model::Timestamp;

use crate::keys::Sealer;
use crate::secret::{equal, random_text};
use crate::{AccessError, AccessKey, AccessKeyId, KeyRefused, NewKey, Role, Secret};

/// A temporary key, to be handed out.
#[derive(Clone, Debug)]
pub struct TemporaryKey {
    /// Its id; starts with `STS.`.
    pub id: AccessKeyId,
    /// Its secret.
    pub secret: Secret,
    /// What must accompany each request that it signs.
    pub security_token: Secret,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

pub(crate) struct Claims<'a> {
    pub(crate) parent: &'a str,
    pub(crate) role: Role,
    pub(crate) expires_at: Timestamp,
}

pub(crate) fn is_temporary(id: &str) -> bool {
    id.starts_with("STS.")
}

/// Makes a key that ends at `expires_at`.
pub(crate) fn issue(
    sealer: &Sealer,
    parent: &AccessKey,
    role: Role,
    expires_at: Timestamp,
) -> Result<TemporaryKey, AccessError> {
    let id = AccessKeyId::trusted(&format!("STS.{}", random_text(24)?));
    let claims = format!("1/{role}/{}/{}", expires_at.as_millis(), parent.id());
    let seal = URL_SAFE_NO_PAD.encode(sealer.mac("token", &[id.as_str().as_bytes(), claims.as_bytes()]));
    let security_token = Secret::new(&format!("{}.{seal}", URL_SAFE_NO_PAD.encode(&claims)))?;
    let secret = secret_of(sealer, id.as_str(), &claims)?;
    Ok(TemporaryKey { id, secret, security_token, expires_at })
}

/// Opens the token that came with a temporary key's id; `parent` looks up the key that it was made from.
pub(crate) fn open(
    sealer: &Sealer,
    id: &str,
    security_token: &str,
    now: Timestamp,
    parent: impl FnOnce(&str) -> Result<Role, KeyRefused>,
) -> Result<AccessKey, KeyRefused> {
    let (claims, seal) = security_token.split_once('.').ok_or(KeyRefused::TokenInvalid)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| KeyRefused::TokenInvalid)?;
    let seal = URL_SAFE_NO_PAD.decode(seal).map_err(|_| KeyRefused::TokenInvalid)?;
    if !equal(&seal, &sealer.mac("token", &[id.as_bytes(), &claims])) {
        return Err(KeyRefused::TokenInvalid);
    }
    let claims = String::from_utf8(claims).map_err(|_| KeyRefused::TokenInvalid)?;
    let said = parse(&claims).ok_or(KeyRefused::TokenInvalid)?;
    if now >= said.expires_at {
        return Err(KeyRefused::Expired);
    }
    let parent_role = parent(said.parent)?;
    // The parent's role may have shrunk since.
    let role = if parent_role == Role::Admin { said.role } else { parent_role };
    let secret = secret_of(sealer, id, &claims).map_err(|_| KeyRefused::TokenInvalid)?;
    let new = NewKey { id: AccessKeyId::trusted(id), secret, role, description: String::new() };
    Ok(AccessKey::new(new, now, false))
}

fn parse(claims: &str) -> Option<Claims<'_>> {
    let mut parts = claims.splitn(4, '/');
    let (format, role, expires_at) = (parts.next()?, parts.next()?, parts.next()?);
    (format == "1").then_some(())?;
    Some(Claims {
        parent: parts.next()?,
        role: role.parse().ok()?,
        expires_at: Timestamp::from_millis(expires_at.parse().ok()?),
    })
}

fn secret_of(sealer: &Sealer, id: &str, claims: &str) -> Result<Secret, AccessError> {
    let mac = sealer.mac("secret", &[id.as_bytes(), claims.as_bytes()]);
    Secret::new(&URL_SAFE_NO_PAD.encode(mac))
}
