//! Certificates: taking the key out of one, and making one.

use std::time::{Duration, UNIX_EPOCH};

use kulkul_model::Timestamp;
use rsa::PublicKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey};
use sha2::Sha256;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, Encode, EncodePem};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

/// How long a certificate of ours says it is good. Receivers of pushes look at the key alone.
const LIFETIME: Duration = Duration::from_secs(20 * 365 * 86_400);

/// The RSA key that a certificate (DER) is about. Who signed it is not looked at: somebody chose it, by configuring it.
pub(crate) fn key_of(certificate: &[u8]) -> Result<PublicKey, String> {
    let certificate = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der();
    let key = key.map_err(|error| error.to_string())?;
    PublicKey::from_public_key_der(&key).map_err(|error| error.to_string())
}

/// A certificate (PEM) in which a key speaks for itself.
pub(crate) fn self_signed(
    key: &SigningKey<Sha256>,
    public: &PublicKey,
    name: &str,
    now: Timestamp,
) -> Result<String, x509_cert::builder::Error> {
    let not_before = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    let validity = Validity::new(Time::try_from(not_before)?, Time::try_from(not_before + LIFETIME)?);
    let name: Name = format!("CN={name}").parse()?;
    let public = public.to_public_key_der().map_err(x509_cert::builder::Error::PublicKey)?;
    let public = SubjectPublicKeyInfo::from_der(public.as_bytes())?;
    let serial = SerialNumber::from(u64::try_from(now.as_millis()).unwrap_or(1).max(1));
    let builder = CertificateBuilder::new(Plain(name), serial, validity, public)?;
    let certificate: Certificate = builder.build(key)?;
    Ok(certificate.to_pem(LineEnding::LF)?)
}

/// A certificate without extensions.
struct Plain(Name);

impl BuilderProfile for Plain {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        _certificate: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(Vec::new())
    }
}
