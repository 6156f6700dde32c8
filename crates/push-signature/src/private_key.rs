//! The sender's side: a key that signs.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use getrandom::SysRng;
use hmac::{Hmac, KeyInit, Mac};
use kulkul_model::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::{Pkcs1v15Sign, PrivateKey};
use sha1::Sha1;
use sha2::Sha256;

use crate::headers::header;
use crate::{Ending, Generation, KeyError, PushMessage, certificate};

/// A private RSA key of at least 2048 bits that signs pushes.
#[derive(Clone)]
pub struct PushKey {
    /// Makes keys, certificates and secrets of v1; ring does none of these.
    key: PrivateKey,
    /// The same key. Signs in less than half the time, and each push waits for that.
    signer: Arc<RsaKeyPair>,
}

/// A temporary secret of v1 with its encrypted form. It can sign many pushes: encrypting it costs more than a
/// signature of v2.
#[derive(Clone)]
pub struct SealedSecret {
    secret: [u8; 16],
    sealed: String,
}

/// The signatures of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSignature {
    secret: String,
    v1: String,
    v2: String,
}

impl PushKey {
    /// Makes a new key. For 2048 bits this takes a good part of a second, on a thread that may block.
    pub fn generate(bits: usize) -> Result<Self, KeyError> {
        Self::of(PrivateKey::new(&mut SysRng, bits).map_err(unusable)?)
    }

    /// Reads a key in PEM (PKCS#8).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::of(PrivateKey::from_pkcs8_pem(pem).map_err(unusable)?)
    }

    fn of(key: PrivateKey) -> Result<Self, KeyError> {
        let der = key.to_pkcs8_der().map_err(unusable)?;
        let signer = RsaKeyPair::from_pkcs8(der.as_bytes()).map_err(unusable)?;
        Ok(Self { key, signer: Arc::new(signer) })
    }

    /// The key in PEM (PKCS#8). A secret.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.key.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(unusable)
    }

    /// A certificate (PEM) of this key, signed by itself. `name` is its common name.
    pub fn certificate(&self, name: &str, now: Timestamp) -> Result<String, KeyError> {
        let signer = SigningKey::<Sha256>::new(self.key.clone());
        certificate::self_signed(&signer, self.key.as_public_key(), name, now).map_err(unusable)
    }

    /// Draws a temporary secret.
    pub fn seal(&self) -> Result<SealedSecret, KeyError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(unusable)?;
        self.seal_given(secret)
    }

    fn seal_given(&self, secret: [u8; 16]) -> Result<SealedSecret, KeyError> {
        let sealed = self.key.sign(Pkcs1v15Sign::new_unprefixed(), &secret).map_err(unusable)?;
        Ok(SealedSecret { secret, sealed: STANDARD.encode(sealed) })
    }

    /// Signs a push in both generations. The better part of a millisecond of computing.
    pub fn sign(
        &self,
        message: &PushMessage<'_>,
        secret: &SealedSecret,
        ending: Ending,
    ) -> Result<PushSignature, KeyError> {
        let mut mac = Hmac::<Sha1>::new_from_slice(&secret.secret).expect("HMAC takes keys of any length");
        mac.update(&message.string_to_sign(Generation::V1, ending));
        let mut v2 = vec![0; self.signer.public().modulus_len()];
        let string = message.string_to_sign(Generation::V2, ending);
        self.signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &string, &mut v2).map_err(unusable)?;
        Ok(PushSignature {
            secret: secret.sealed.clone(),
            v1: STANDARD.encode(mac.finalize().into_bytes()),
            v2: STANDARD.encode(v2),
        })
    }
}

impl PushSignature {
    /// The headers that say all of it, with names in lower case.
    pub fn headers<'a>(&'a self, message: &PushMessage<'a>) -> Vec<(&'static str, &'a str)> {
        let mut headers = vec![
            (header::TIMESTAMP, message.timestamp),
            (header::VERSION, "1.0"),
            (header::CERTIFICATE_URL, message.certificate_url),
            (header::METHOD, "HMAC-SHA1"),
            (header::SECRET, &*self.secret),
            (header::SIGNATURE_V1, &*self.v1),
            (header::HASH_METHOD, "SHA256"),
            (header::SIGNATURE_V2, &*self.v2),
        ];
        headers.extend(message.token.map(|token| (header::TOKEN, token)));
        headers
    }
}

impl fmt::Debug for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushKey")
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret")
    }
}

fn unusable(error: impl fmt::Display) -> KeyError {
    KeyError::Private(error.to_string())
}
