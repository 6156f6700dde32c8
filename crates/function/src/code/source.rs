//! Where the code of a function comes from.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// The code that a client gives (wire: `code`).
#[derive(Clone, Debug, Default)]
pub struct CodeSource {
    /// `zipFile`, decoded.
    pub zip: Option<Bytes>,
    /// `ossBucketName`.
    pub bucket: Option<String>,
    /// `ossObjectName`.
    pub object: Option<String>,
    /// `checksum`: the decimal CRC-64 that the zip must have.
    pub checksum: Option<String>,
}

/// Reads objects of buckets, for functions whose code lies in one.
pub trait CodeObjects: Send + Sync + 'static {
    /// The content of an object of at most `bytes_max` bytes.
    fn read(
        &self,
        bucket: String,
        object: String,
        bytes_max: u64,
    ) -> BoxFuture<'_, Result<Bytes, ObjectReadError>>;
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectReadError {
    /// There is no such bucket or object.
    #[error("the object does not exist")]
    NotFound,
    /// It is larger than asked for.
    #[error("the object has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The buckets failed.
    #[error("the object cannot be read")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
