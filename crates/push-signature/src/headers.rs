//! The headers of a signed push.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_model::Timestamp;

use crate::PushRefusal;

/// The names of the headers, in lower case.
pub mod header {
    /// When it was signed: milliseconds since the epoch. Both generations.
    pub const TIMESTAMP: &str = "x-eventbridge-signature-timestamp";
    /// `1.0`. Both generations.
    pub const VERSION: &str = "x-eventbridge-signature-version";
    /// Where the certificate of the sender is. Both generations.
    pub const CERTIFICATE_URL: &str = "x-eventbridge-signature-url";
    /// The token that sender and receiver share. Both generations, only when the target has one.
    pub const TOKEN: &str = "x-eventbridge-signature-token";
    /// `HMAC-SHA1`. v1.
    pub const METHOD: &str = "x-eventbridge-signature-method";
    /// The temporary secret, encrypted with the private key, in base64. v1.
    pub const SECRET: &str = "x-eventbridge-signature-secret";
    /// The HMAC-SHA1 in base64. v1.
    pub const SIGNATURE_V1: &str = "x-eventbridge-signature";
    /// `SHA256`. v2.
    pub const HASH_METHOD: &str = "x-eventbridge-hash-method";
    /// The RSA signature in base64. v2.
    pub const SIGNATURE_V2: &str = "x-eventbridge-signature-v2";
}

/// The signature that came with a push, taken apart and not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushHeaders<'a> {
    /// When it was signed, as it was sent: this text is part of what was signed.
    pub timestamp: &'a str,
    /// Where the sender says that its certificate is.
    pub certificate_url: &'a str,
    /// The token, if one was sent.
    pub token: Option<&'a str>,
    pub(crate) proof: Proof,
    signed_at: Timestamp,
}

/// What the sender proves itself with. A push that has both generations stands on the newer one alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    V1 { secret: Vec<u8>, signature: Vec<u8> },
    V2 { signature: Vec<u8> },
}

impl<'a> PushHeaders<'a> {
    /// Takes the headers of a push apart; `get` looks one up by its lower-case name.
    pub fn read(get: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, PushRefusal> {
        let need = |name| get(name).ok_or(PushRefusal::HeaderMissing(name));
        let bytes =
            |name, text: &str| STANDARD.decode(text.trim()).map_err(|_| PushRefusal::HeaderInvalid(name));
        let proof = match (get(header::SIGNATURE_V2), get(header::SIGNATURE_V1)) {
            (None, None) => return Err(PushRefusal::Unsigned),
            (Some(signature), _) => {
                check(header::HASH_METHOD, get(header::HASH_METHOD), "SHA256")?;
                Proof::V2 { signature: bytes(header::SIGNATURE_V2, signature)? }
            }
            (None, Some(signature)) => {
                check(header::METHOD, get(header::METHOD), "HMAC-SHA1")?;
                Proof::V1 {
                    secret: bytes(header::SECRET, need(header::SECRET)?)?,
                    signature: bytes(header::SIGNATURE_V1, signature)?,
                }
            }
        };
        check(header::VERSION, get(header::VERSION), "1.0")?;
        let timestamp = need(header::TIMESTAMP)?;
        let millis = timestamp.parse().map_err(|_| PushRefusal::HeaderInvalid(header::TIMESTAMP))?;
        Ok(Self {
            timestamp,
            certificate_url: need(header::CERTIFICATE_URL)?,
            token: get(header::TOKEN),
            proof,
            signed_at: Timestamp::from_millis(millis),
        })
    }

    /// Refuses a push that was signed too far from `now`.
    pub fn check_time(&self, now: Timestamp, skew_max: Duration) -> Result<(), PushRefusal> {
        let away = now.since(self.signed_at).max(self.signed_at.since(now));
        if away > skew_max { Err(PushRefusal::Skewed { skew_max }) } else { Ok(()) }
    }

    /// Whether the push stands on the older generation, whose signature proves nothing without a token.
    pub fn is_v1(&self) -> bool {
        matches!(self.proof, Proof::V1 { .. })
    }

    /// The bytes of the signature: the same for the same push, whatever way they were spelled.
    pub fn signature(&self) -> &[u8] {
        match &self.proof {
            Proof::V1 { signature, .. } | Proof::V2 { signature } => signature,
        }
    }
}

fn check(name: &'static str, value: Option<&str>, expected: &str) -> Result<(), PushRefusal> {
    match value {
        None => Err(PushRefusal::HeaderMissing(name)),
        Some(value) if value == expected => Ok(()),
        Some(_) => Err(PushRefusal::HeaderInvalid(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[(&str, &str)] = &[
        (header::TIMESTAMP, "1700000000000"),
        (header::VERSION, "1.0"),
        (header::CERTIFICATE_URL, "https://hub/cert.pem"),
        (header::METHOD, "HMAC-SHA1"),
        (header::SECRET, "c2VjcmV0"),
        (header::SIGNATURE_V1, "djE="),
        (header::HASH_METHOD, "SHA256"),
        (header::SIGNATURE_V2, "djI="),
    ];

    /// Reads the headers of [`BOTH`] with some of them changed or (empty) left out.
    fn read(changes: &[(&str, &'static str)]) -> Result<PushHeaders<'static>, PushRefusal> {
        PushHeaders::read(|name| {
            let changed = changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| *value);
            let given = BOTH.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
            changed.or(given).filter(|value| !value.is_empty())
        })
    }

    #[test]
    fn a_push_with_both_generations_stands_on_the_newer() {
        let both = read(&[]).unwrap();
        assert_eq!((both.is_v1(), both.signature()), (false, &b"v2"[..]));
        let older = read(&[(header::SIGNATURE_V2, "")]).unwrap();
        assert_eq!((older.is_v1(), older.signature()), (true, &b"v1"[..]));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        use PushRefusal::{HeaderInvalid, HeaderMissing, Unsigned};
        let table = [
            (vec![(header::SIGNATURE_V1, ""), (header::SIGNATURE_V2, "")], Unsigned),
            (vec![(header::TIMESTAMP, "")], HeaderMissing(header::TIMESTAMP)),
            (vec![(header::TIMESTAMP, "yesterday")], HeaderInvalid(header::TIMESTAMP)),
            (vec![(header::VERSION, "2.0")], HeaderInvalid(header::VERSION)),
            (vec![(header::CERTIFICATE_URL, "")], HeaderMissing(header::CERTIFICATE_URL)),
            (vec![(header::HASH_METHOD, "MD5")], HeaderInvalid(header::HASH_METHOD)),
            (vec![(header::SIGNATURE_V2, "?")], HeaderInvalid(header::SIGNATURE_V2)),
            (vec![(header::SIGNATURE_V2, ""), (header::SECRET, "")], HeaderMissing(header::SECRET)),
            (vec![(header::SIGNATURE_V2, ""), (header::METHOD, "")], HeaderMissing(header::METHOD)),
        ];
        for (changes, expected) in table {
            assert_eq!(read(&changes), Err(expected), "{changes:?}");
        }
    }

    #[test]
    fn the_window_is_open_on_both_sides() {
        let (push, minute) = (read(&[]).unwrap(), Duration::from_secs(60));
        for (millis, good) in [(-60_001, false), (-60_000, true), (0, true), (60_000, true), (60_001, false)]
        {
            let now = Timestamp::from_millis(1_700_000_000_000 + millis);
            assert_eq!(push.check_time(now, minute).is_ok(), good, "{millis}");
        }
        let far = read(&[(header::TIMESTAMP, "-9223372036854775808")]).unwrap();
        assert!(far.check_time(Timestamp::from_millis(1_700_000_000_000), minute).is_err());
    }
}
