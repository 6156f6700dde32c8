//! Signing pushes.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use kulkul_model::Timestamp;
use kulkul_push_signature::{Ending, PushMessage, SealedSecret};
use tokio::sync::{OnceCell, Semaphore};

use crate::key_file::{KeyPair, SignerError};

/// How the path of the certificate starts; receivers of the real service insist on it.
const PATH_START: &str = "/x509_public_certificate_";
/// How it ends.
const PATH_END: &str = ".pem";
/// How long a temporary secret is used. Encrypting one is slow, and each is in every push that it signs.
const SECRET_AGE_MAX: Duration = Duration::from_secs(600);

/// Signs pushes, and has the certificate with which receivers check that.
pub struct Signer {
    data_dir: PathBuf,
    public_url: String,
    pair: OnceCell<Arc<KeyPair>>,
    secret: Mutex<Option<(Timestamp, SealedSecret)>>,
    /// One permit for each processor: signing is nothing but computing, and more of it at once helps nobody.
    processors: Semaphore,
}

impl Signer {
    /// A signer that keeps its key in `data_dir`. A key that is there already is read now; there may be none yet.
    ///
    /// `public_url` is where receivers reach this server, without a path, such as `https://hub.example.com`.
    pub fn open(data_dir: PathBuf, public_url: &str) -> Result<Self, SignerError> {
        let pair = KeyPair::read(&data_dir)?.map(Arc::new);
        Ok(Self {
            data_dir,
            public_url: public_url.trim_end_matches('/').to_owned(),
            pair: OnceCell::new_with(pair),
            secret: Mutex::default(),
            processors: Semaphore::new(available_parallelism().map_or(1, NonZeroUsize::get)),
        })
    }

    /// The headers that sign a push of `body` to `url` at `now`, with the token of the target.
    ///
    /// The first call may make the key.
    pub async fn sign(
        &self,
        url: &str,
        token: Option<&str>,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<HeaderMap, SignerError> {
        let pair = self.pair(now).await?;
        let (url, token, body) = (url.to_owned(), token.map(str::to_owned), body.clone());
        let certificate_url = format!("{}{PATH_START}{}{PATH_END}", self.public_url, pair.certificate_id);
        let secret = self.secret(&pair, now)?;
        let _processor = self.processors.acquire().await.expect("it is never closed");
        let signing = move || {
            let timestamp = now.as_millis().to_string();
            let message = PushMessage {
                url: &url,
                timestamp: &timestamp,
                certificate_url: &certificate_url,
                token: token.as_deref(),
                body: &body,
            };
            let signature = pair.key.sign(&message, &secret, Ending::default())?;
            let header = |(name, value): (&'static str, &str)| {
                let value = HeaderValue::from_str(value).map_err(|_| SignerError::Header { name })?;
                Ok((HeaderName::from_static(name), value))
            };
            signature.headers(&message).into_iter().map(header).collect()
        };
        tokio::task::spawn_blocking(signing).await?
    }

    /// The certificate at a path of this server; `None` when it is not there. Never makes a key.
    pub fn certificate_at(&self, path: &str) -> Option<String> {
        let id = path.strip_prefix(PATH_START)?.strip_suffix(PATH_END)?;
        let pair = self.pair.get()?;
        (id == pair.certificate_id).then(|| pair.certificate.clone())
    }

    /// Whether a path is one at which a certificate could be.
    pub fn is_certificate_path(path: &str) -> bool {
        path.starts_with(PATH_START)
    }

    async fn pair(&self, now: Timestamp) -> Result<Arc<KeyPair>, SignerError> {
        let make = || async {
            let data_dir = self.data_dir.clone();
            let made = tokio::task::spawn_blocking(move || KeyPair::make(&data_dir, now)).await?;
            made.map(Arc::new)
        };
        self.pair.get_or_try_init(make).await.cloned()
    }

    fn secret(&self, pair: &KeyPair, now: Timestamp) -> Result<SealedSecret, SignerError> {
        let mut current = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_at, secret)) = &*current
            && now.since(*made_at) < SECRET_AGE_MAX
        {
            return Ok(secret.clone());
        }
        let secret = pair.key.seal()?;
        *current = Some((now, secret.clone()));
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn the_key_is_made_once_kept_and_published() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let signer = Signer::open(dir.path().to_owned(), "http://hub.test/").unwrap();
        assert_eq!(signer.certificate_at("/x509_public_certificate_0.pem"), None, "asking makes no key");
        let first = signer.sign("http://h/", Some("tok"), &Bytes::from_static(b"{}"), now).await.unwrap();
        let url = first["x-eventbridge-signature-url"].to_str().unwrap().to_owned();
        let path = url.strip_prefix("http://hub.test").unwrap();
        let certificate = signer.certificate_at(path).unwrap();
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----") && !certificate.contains("PRIVATE"));
        let file = dir.path().join(crate::KEY_FILE_NAME);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let again = Signer::open(dir.path().to_owned(), "http://hub.test").unwrap();
        assert_eq!(again.certificate_at(path), Some(certificate));
        let second = again.sign("http://h/", Some("tok"), &Bytes::from_static(b"{}"), now).await.unwrap();
        let name = "x-eventbridge-signature-v2";
        assert_eq!(second[name], first[name], "the same key over the same text");
        let other = again.sign("http://h/", None, &Bytes::from_static(b"{}"), now).await.unwrap();
        assert!(other[name] != first[name] && !other.contains_key("x-eventbridge-signature-token"));

        std::fs::write(&file, "nonsense").unwrap();
        let error = Signer::open(dir.path().to_owned(), "").err().map(|error| error.to_string()).unwrap();
        assert!(error.contains("push-key.pem"), "{error}");
    }
}
