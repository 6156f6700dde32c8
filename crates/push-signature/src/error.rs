//! Why a push is refused, and why a key cannot be used.

use std::time::Duration;

/// Why a push is not taken for what it says it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushRefusal {
    /// A header that every signed push has is missing, or is no text.
    #[error("the header `{0}` is missing")]
    HeaderMissing(&'static str),
    /// A header has a value that it cannot have.
    #[error("the header `{0}` has an invalid value")]
    HeaderInvalid(&'static str),
    /// Neither generation's signature is there.
    #[error("the push has no signature")]
    Unsigned,
    /// It was signed too long ago, or in the future.
    #[error("the timestamp of the signature is more than {skew_max:?} away from the present")]
    Skewed {
        /// How far it may be, either way.
        skew_max: Duration,
    },
    /// No known key made the signature.
    #[error("the signature does not match")]
    Mismatch,
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is nothing in it that could be a key.
    #[error("there is neither a certificate nor a public key in it")]
    Empty,
    /// A block of it cannot be understood.
    #[error("block {number} (`{label}`) is not an RSA key of 1024 to 8192 bits: {reason}")]
    Block {
        /// Which one, counted from 1.
        number: usize,
        /// What it says it is.
        label: String,
        /// Why not.
        reason: String,
    },
    /// A private key cannot be made, read, written or used.
    #[error("the private key is unusable: {0}")]
    Private(String),
}
