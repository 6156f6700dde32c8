//! The receiver's side: keys that are trusted, and what they say of a push.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey, hazmat};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_cert::der::pem;

use crate::headers::Proof;
use crate::{Ending, Generation, KeyError, PushHeaders, PushMessage, PushRefusal, certificate};

/// The keys that may sign pushes: any of them will do.
#[derive(Clone, Default)]
pub struct PushPublicKeys(Vec<PublicKey>);

impl PushPublicKeys {
    /// Reads every block of a PEM text: certificates (X.509) and public keys.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        const BEGIN: &str = "-----BEGIN ";
        let starts: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
        let mut keys = Vec::new();
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(text.len());
            let block = text[*start..end].trim();
            keys.push(key_of_block(block).map_err(|(label, reason)| KeyError::Block {
                number: index + 1,
                label,
                reason,
            })?);
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self(keys)) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Checks that one of the keys signed the push. `url` is the one that the sender was configured with.
    ///
    /// The time of the signature, its token and whether it came before are other questions.
    pub fn verify(&self, headers: &PushHeaders<'_>, url: &str, body: &[u8]) -> Result<(), PushRefusal> {
        let message = PushMessage {
            url,
            timestamp: headers.timestamp,
            certificate_url: headers.certificate_url,
            token: headers.token,
            body,
        };
        let verified = match &headers.proof {
            Proof::V1 { secret, signature } => Ending::ALL.into_iter().any(|ending| {
                let signed = message.string_to_sign(Generation::V1, ending);
                self.0.iter().any(|key| verify_v1(key, secret, &signed, signature))
            }),
            Proof::V2 { signature } => Ending::ALL.into_iter().any(|ending| {
                let hash = Sha256::digest(message.string_to_sign(Generation::V2, ending));
                let good = |key: &PublicKey| key.verify(Pkcs1v15Sign::new::<Sha256>(), &hash, signature);
                self.0.iter().any(|key| good(key).is_ok())
            }),
        };
        if verified { Ok(()) } else { Err(PushRefusal::Mismatch) }
    }
}

impl fmt::Debug for PushPublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PushPublicKeys({})", self.0.len())
    }
}

/// The key of one PEM block, or its label and why it has none.
fn key_of_block(block: &str) -> Result<PublicKey, (String, String)> {
    let (label, der) =
        pem::decode_vec(block.as_bytes()).map_err(|error| ("unreadable".to_owned(), error.to_string()))?;
    let key = match label {
        "CERTIFICATE" => certificate::key_of(&der),
        "PUBLIC KEY" => PublicKey::from_public_key_der(&der).map_err(|error| error.to_string()),
        "RSA PUBLIC KEY" => PublicKey::from_pkcs1_der(&der).map_err(|error| error.to_string()),
        _ => Err("only certificates and public keys belong here".to_owned()),
    };
    key.map_err(|reason| (label.to_owned(), reason))
}

fn verify_v1(key: &PublicKey, sealed: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    let Some(secret) = unseal(key, sealed) else { return false };
    let mut mac = Hmac::<Sha1>::new_from_slice(&secret).expect("HMAC takes keys of any length");
    mac.update(signed);
    mac.verify_slice(signature).is_ok()
}

/// Takes out what was encrypted with the private key: PKCS#1 v1.5, block type 1 (`00 01 FF…FF 00 secret`).
fn unseal(key: &PublicKey, sealed: &[u8]) -> Option<Vec<u8>> {
    const PADDING_BYTES_MIN: usize = 8; // RFC 8017, 9.2.
    if sealed.len() != key.size() {
        return None;
    }
    let number = BoxedUint::from_be_slice(sealed, key.n_bits_precision()).ok()?;
    if number >= **key.n() {
        return None;
    }
    let opened = hazmat::rsa_encrypt(key, &number).ok()?.to_be_bytes();
    let opened = &opened[opened.len().checked_sub(key.size())?..];
    let padded = opened.strip_prefix(&[0, 1])?;
    let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
    let secret = padded[padding..].strip_prefix(&[0])?;
    (padding >= PADDING_BYTES_MIN && !secret.is_empty()).then(|| secret.to_vec())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use kulkul_model::Timestamp;

    use super::*;
    use crate::PushKey;

    /// Made once: a key takes a while.
    static KEY: LazyLock<PushKey> = LazyLock::new(|| PushKey::generate(2048).unwrap());
    static CERTIFICATE: LazyLock<String> =
        LazyLock::new(|| KEY.certificate("a hub", Timestamp::from_millis(1_700_000_000_000)).unwrap());

    const URL: &str = "https://hook.example.com/in?a=1";
    const MESSAGE: PushMessage<'_> = PushMessage {
        url: URL,
        timestamp: "1700000000000",
        certificate_url: "https://hub.example.com/cert.pem",
        token: Some("tok"),
        body: br#"{"id":"1"}"#,
    };

    /// What a receiver that trusts [`CERTIFICATE`] says when some headers are changed or (empty) left out.
    fn verdict(ending: Ending, url: &str, body: &[u8], changes: &[(&str, &str)]) -> Result<(), PushRefusal> {
        let signature = KEY.sign(&MESSAGE, &KEY.seal().unwrap(), ending).unwrap();
        let sent = signature.headers(&MESSAGE);
        let headers = PushHeaders::read(|name| {
            let changed = changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| *value);
            let sent = sent.iter().find(|(sent, _)| *sent == name).map(|(_, value)| *value);
            changed.or(sent).filter(|value| !value.is_empty())
        })?;
        PushPublicKeys::from_pem(&CERTIFICATE)?.verify(&headers, url, body)
    }

    impl From<KeyError> for PushRefusal {
        fn from(error: KeyError) -> Self {
            panic!("{error}")
        }
    }

    const V1_ONLY: (&str, &str) = (crate::header::SIGNATURE_V2, "");

    #[test]
    fn what_a_key_signs_its_certificate_verifies() {
        for ending in Ending::ALL {
            assert_eq!(verdict(ending, URL, MESSAGE.body, &[]), Ok(()), "v2, {ending:?}");
            assert_eq!(verdict(ending, URL, MESSAGE.body, &[V1_ONLY]), Ok(()), "v1, {ending:?}");
        }
    }

    #[test]
    fn a_change_of_anything_signed_is_noticed() {
        use crate::header::{CERTIFICATE_URL, TIMESTAMP, TOKEN};
        let changed = [
            ("https://hook.example.com/in?a=2", MESSAGE.body, vec![]),
            (URL, &br#"{"id":"2"}"#[..], vec![]),
            (URL, MESSAGE.body, vec![(TIMESTAMP, "1700000000001")]),
            (URL, MESSAGE.body, vec![(CERTIFICATE_URL, "https://hub.example.com/other.pem")]),
            (URL, MESSAGE.body, vec![(TOKEN, "other")]),
            (URL, MESSAGE.body, vec![(TOKEN, "")]),
        ];
        for (url, body, mut changes) in changed {
            let seen = verdict(Ending::LineFeed, url, body, &changes);
            assert_eq!(seen, Err(PushRefusal::Mismatch), "v2: {url} {changes:?}");
            changes.push(V1_ONLY);
            let seen = verdict(Ending::LineFeed, url, body, &changes);
            assert_eq!(seen, Err(PushRefusal::Mismatch), "v1: {url} {changes:?}");
        }
    }

    #[test]
    fn another_key_does_not_verify() {
        let other = PushKey::generate(2048).unwrap().certificate("x", Timestamp::from_millis(1)).unwrap();
        let trusted = PushPublicKeys::from_pem(&other).unwrap();
        let signature = KEY.sign(&MESSAGE, &KEY.seal().unwrap(), Ending::LineFeed).unwrap();
        let sent = signature.headers(&MESSAGE);
        for hidden in ["", crate::header::SIGNATURE_V2] {
            let get = |name| sent.iter().find(|(n, _)| *n == name && name != hidden).map(|(_, value)| *value);
            let headers = PushHeaders::read(get).unwrap();
            assert_eq!(trusted.verify(&headers, URL, MESSAGE.body), Err(PushRefusal::Mismatch));
            let both = format!("{other}\n{}", *CERTIFICATE);
            let both = PushPublicKeys::from_pem(&both).unwrap();
            assert_eq!((both.count(), both.verify(&headers, URL, MESSAGE.body)), (2, Ok(())));
        }
    }

    #[test]
    fn keys_survive_being_written() {
        let again = PushKey::from_pem(&KEY.to_pem().unwrap()).unwrap();
        let secret = again.seal().unwrap();
        let one = again.sign(&MESSAGE, &secret, Ending::LineFeed).unwrap();
        assert_eq!(one, KEY.sign(&MESSAGE, &secret, Ending::LineFeed).unwrap());
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_place() {
        let table = [
            ("", "neither a certificate"),
            ("hello", "neither a certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "block 1 (`CERTIFICATE`)"),
            ("-----BEGIN CERTIFICATE-----\nAAAA", "block 1 (`unreadable`)"),
        ];
        for (text, reason) in table {
            let error = PushPublicKeys::from_pem(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let private = format!("{}\n{}", *CERTIFICATE, KEY.to_pem().unwrap());
        let error = PushPublicKeys::from_pem(&private).unwrap_err().to_string();
        assert!(error.contains("block 2 (`PRIVATE KEY`)"), "{error}");
    }
}
