//! Why a key cannot be used, or not be changed.

use std::path::PathBuf;

use kulkul_store::StoreError;

/// Why the key that a request names does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// There is no such key.
    #[error("there is no such access key")]
    Unknown,
    /// The key, or the one that it was made from, is disabled.
    #[error("the access key is disabled")]
    Disabled,
    /// A temporary key came without its security token.
    #[error("the access key is temporary and its security token is missing")]
    TokenMissing,
    /// The security token does not belong to the key, or was not made here.
    #[error("the security token does not belong to the access key")]
    TokenInvalid,
    /// The temporary key has expired.
    #[error("the temporary access key has expired")]
    Expired,
}

/// Why an access key could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is a key with this id already.
    #[error("there is an access key `{id}` already")]
    Exists {
        /// Its id.
        id: String,
    },
    /// There is no key with this id.
    #[error("there is no access key `{id}`")]
    NotFound {
        /// The id.
        id: String,
    },
    /// It is the last key with the role `admin` that is not disabled: without it nobody could make another.
    #[error("`{id}` is the last admin key in use")]
    LastAdmin {
        /// Its id.
        id: String,
    },
    /// A text cannot be an id or a secret.
    #[error("not a valid {what}: {rule}")]
    Invalid {
        /// What it was meant to be.
        what: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A stored key was written by another version, or is damaged.
    #[error("cannot read the stored document `{key}`")]
    Unreadable {
        /// Its key in the store.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The file with the first key could not be written or read.
    #[error("cannot use the key file {}", path.display())]
    KeyFile {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The machine has no randomness to give.
    #[error("cannot get random bytes from the system")]
    Randomness(#[source] getrandom::Error),
    /// The store failed.
    #[error("cannot use the access keys in the store")]
    Store(#[from] StoreError),
}

impl AccessError {
    /// Whether the same call can succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Randomness(_) => true,
            Self::Exists { .. }
            | Self::NotFound { .. }
            | Self::LastAdmin { .. }
            | Self::Invalid { .. }
            | Self::Unreadable { .. }
            | Self::KeyFile { .. } => false,
        }
    }
}
