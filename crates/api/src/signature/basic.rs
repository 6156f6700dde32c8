//! An access key as name and password: for clients that can set a header and cannot sign.
//!
//! Source: RFC 7617. The secret goes over the wire, so it is only taken where the documentation says so.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_access::{AccessKey, equal};

use super::Refusal;

/// What such a header says.
pub(crate) struct Basic {
    pub(crate) access_key_id: String,
    secret: String,
}

impl Basic {
    const SCHEME: &str = "basic ";

    /// Whether a header is of this kind.
    pub(crate) fn is(authorization: &str) -> bool {
        authorization
            .get(..Self::SCHEME.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(Self::SCHEME))
    }

    pub(crate) fn parse(authorization: &str) -> Result<Self, Refusal> {
        let encoded = authorization.get(Self::SCHEME.len()..).ok_or(Refusal::Malformed)?;
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| Refusal::Malformed)?;
        let text = String::from_utf8(bytes).map_err(|_| Refusal::Malformed)?;
        let (id, secret) = text.split_once(':').ok_or(Refusal::Malformed)?;
        Ok(Self { access_key_id: id.to_owned(), secret: secret.to_owned() })
    }

    pub(crate) fn verify(&self, key: &AccessKey) -> Result<(), Refusal> {
        match equal(self.secret.as_bytes(), key.secret().expose().as_bytes()) {
            true => Ok(()),
            false => Err(Refusal::Mismatch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_password_are_what_is_before_and_after_the_first_colon() {
        let header = format!("bASIC {}", STANDARD.encode("AKID:a:b"));
        assert!(Basic::is(&header) && !Basic::is("ACS3-HMAC-SHA256 x") && !Basic::is("basi"));
        let basic = Basic::parse(&header).unwrap();
        assert_eq!((&*basic.access_key_id, &*basic.secret), ("AKID", "a:b"));
        for bad in ["Basic", "Basic ", "Basic %", "Basic QUtJRA=="] {
            assert_eq!(Basic::parse(bad).err(), Some(Refusal::Malformed), "{bad}");
        }
    }
}
