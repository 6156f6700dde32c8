//! The key and its certificate: one file, whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kulkul_model::Timestamp;
use kulkul_push_signature::{KeyError, PushKey};
use sha2::{Digest, Sha256};

/// The name of the file in the data directory that holds key and certificate. Only its owner can read it.
pub const KEY_FILE_NAME: &str = "push-key.pem";

const KEY_BITS: usize = 2048;
const COMMON_NAME: &str = "Kulkul event push";
const CERTIFICATE_BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// Why a push cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The file cannot be read or written.
    #[error("cannot use the key file `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds something else than a key and its certificate.
    #[error("the key file `{path}` does not hold a key and its certificate")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The key cannot be made or used.
    #[error("cannot sign")]
    Key(#[from] KeyError),
    /// Something in a push cannot stand in a header.
    #[error("`{name}` is no value of a header")]
    Header {
        /// The header.
        name: &'static str,
    },
    /// Whoever made the key, or signed, ended before it was done.
    #[error("the work was not done")]
    NotDone(#[from] tokio::task::JoinError),
}

/// The key with its certificate.
pub(crate) struct KeyPair {
    pub(crate) key: PushKey,
    pub(crate) certificate: String,
    /// Names the certificate: another one has another name, so receivers may keep it for ever.
    pub(crate) certificate_id: String,
}

impl KeyPair {
    /// Reads the key of a data directory; `None` when there is none yet.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Self>, SignerError> {
        let path = data_dir.join(KEY_FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => {
                Self::parse(&text).map(Some).map_err(|source| SignerError::Unreadable { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SignerError::File { path, source }),
        }
    }

    /// Makes a key and keeps it in a data directory. Takes a second or so of one processor.
    pub(crate) fn make(data_dir: &Path, now: Timestamp) -> Result<Self, SignerError> {
        let key = PushKey::generate(KEY_BITS)?;
        let text = format!("{}\n{}", key.to_pem()?.trim_end(), key.certificate(COMMON_NAME, now)?);
        let pair = Self::parse(&text)?;
        let path = data_dir.join(KEY_FILE_NAME);
        write(data_dir, &path, &text).map_err(|source| SignerError::File { path, source })?;
        Ok(pair)
    }

    fn parse(text: &str) -> Result<Self, KeyError> {
        let (key, certificate) = text.split_once(CERTIFICATE_BEGIN).ok_or(KeyError::Empty)?;
        let certificate = format!("{CERTIFICATE_BEGIN}{certificate}");
        let certificate_id = hex::encode(&Sha256::digest(certificate.as_bytes())[..8]);
        Ok(Self { key: PushKey::from_pem(key.trim())?, certificate, certificate_id })
    }
}

/// Writes the file whole or not at all, readable by its owner only, and synced.
fn write(data_dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    let temporary = data_dir.join(format!("{KEY_FILE_NAME}.new"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&temporary, path)?;
    fs::File::open(data_dir)?.sync_all()
}
