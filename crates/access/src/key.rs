//! One access key.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use kulkul_model::Timestamp;
use sha1::Sha1;
use sha2::Sha256;

use crate::secret::{Secret, random_text};
use crate::{AccessError, Role};

/// The id of an access key: 1 to 128 letters, digits, `-`, `_` and `.`. It is public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(Arc<str>);

impl AccessKeyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes over an id that this crate made.
    pub(crate) fn trusted(text: &str) -> Self {
        Self(text.into())
    }
}

impl std::str::FromStr for AccessKeyId {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let valid = (1..=128).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with("STS.");
        valid.then(|| Self(text.into())).ok_or(AccessError::Invalid {
            what: "access key id",
            rule: "1 to 128 letters, digits, `-`, `_` and `.`, not starting with `STS.`",
        })
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An access key, ready to check signatures with.
#[derive(Clone)]
pub struct AccessKey {
    id: AccessKeyId,
    secret: Secret,
    role: Role,
    created_at: Timestamp,
    disabled: bool,
    description: String,
    // Keying an HMAC costs two rounds of the hash, as much as a short message itself; every request needs this one.
    sha256: Hmac<Sha256>,
}

/// A key to be created.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Its secret.
    pub secret: Secret,
    /// Its role.
    pub role: Role,
    /// What it is for, in the words of whoever made it; at most 256 characters.
    pub description: String,
}

impl NewKey {
    /// A key with a random id (`KK` and 20 letters and digits) and a random secret.
    pub fn random(role: Role) -> Result<Self, AccessError> {
        let id = AccessKeyId::trusted(&format!("KK{}", random_text(20)?));
        Ok(Self { id, secret: Secret::random()?, role, description: String::new() })
    }

    /// A key with an id and secret that somebody chose.
    pub fn given(id: &str, secret: &str, role: Role) -> Result<Self, AccessError> {
        Ok(Self { id: id.parse()?, secret: Secret::new(secret)?, role, description: String::new() })
    }
}

/// A key that is in no store, for whoever signs requests.
impl From<NewKey> for AccessKey {
    fn from(new: NewKey) -> Self {
        Self::new(new, Timestamp::default(), false)
    }
}

impl AccessKey {
    pub(crate) fn new(new: NewKey, created_at: Timestamp, disabled: bool) -> Self {
        let sha256 =
            Hmac::new_from_slice(new.secret.expose().as_bytes()).expect("an HMAC takes keys of any length");
        let NewKey { id, secret, role, description } = new;
        Self { id, secret, role, created_at, disabled, description, sha256 }
    }

    pub(crate) fn with_disabled(&self, disabled: bool) -> Self {
        Self { disabled, ..self.clone() }
    }

    /// Its id.
    pub fn id(&self) -> &AccessKeyId {
        &self.id
    }

    /// Its secret, for the signatures that this crate does not know.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// When it was created.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Whether it is switched off.
    pub fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// HMAC-SHA256 of a message given in parts, with the secret as key.
    pub fn hmac_sha256(&self, message: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.sha256.clone();
        message.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// HMAC-SHA1 of a message given in parts; the key is the secret followed by `suffix`.
    ///
    /// The classic RPC signature has the suffix `&`, all others have none.
    pub fn hmac_sha1(&self, suffix: &str, message: &[&[u8]]) -> [u8; 20] {
        let key = [self.secret.expose(), suffix].concat();
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("an HMAC takes keys of any length");
        message.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmacs_are_those_of_the_standards() {
        // RFC 4231, case 2, and RFC 2202, case 2.
        let key = AccessKey::from(NewKey::given("id", "Jefe", Role::Read).unwrap());
        let (one, other) = (&b"what do ya want "[..], &b"for nothing?"[..]);
        assert_eq!(
            hex::encode(key.hmac_sha256(&[one, other])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(hex::encode(key.hmac_sha1("", &[one, other])), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let shorter =
            AccessKey::new(NewKey::given("id", "Jef", Role::Read).unwrap(), Timestamp::from_millis(0), false);
        assert_eq!(shorter.hmac_sha1("e", &[one, other]), key.hmac_sha1("", &[one, other]));
    }

    #[test]
    fn nothing_prints_a_secret() {
        let new = NewKey::given("AKID", "hunter2", Role::Admin).unwrap();
        let key = AccessKey::from(new.clone());
        let seen = format!("{new:?} {key:?}");
        assert!(seen.contains("AKID") && !seen.contains("hunter2"), "{seen}");
    }

    #[test]
    fn ids_of_temporary_keys_cannot_be_taken() {
        assert!("STS.x".parse::<AccessKeyId>().is_err());
        assert!("a b".parse::<AccessKeyId>().is_err());
        assert!("AKID-1_2.3".parse::<AccessKeyId>().is_ok());
    }
}
