//! Buckets for those inside of this server.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use kulkul_store::StoreError;
use kulkul_store::objects::{DataStream, Found, ObjectKind, Objects};

/// How often an object is looked up anew when it is replaced just before it is read.
const ATTEMPTS_MAX: u32 = 20;

/// Why an object cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such bucket.
    #[error("there is no bucket `{bucket}`")]
    NoBucket {
        /// Its name.
        bucket: String,
    },
    /// The bucket has no such object.
    #[error("the bucket `{bucket}` has no object `{key}`")]
    NoObject {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// It is larger than the reader allows.
    #[error("the object has {size} bytes, more than the limit of {bytes_max}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The store failed.
    #[error("cannot read the object")]
    Store(#[from] StoreError),
}

/// An object that is being read.
pub struct ObjectContent {
    /// Its size in bytes.
    pub size: u64,
    /// The CRC-64 of its bytes.
    pub crc64: u64,
    /// Its entity tag.
    pub etag: String,
    /// Its bytes. They stay as they were, whatever happens to the object meanwhile.
    pub bytes: DataStream,
}

/// Reads objects without a request. Cheap to clone.
#[derive(Clone)]
pub struct Buckets(Arc<dyn Objects>);

impl Buckets {
    /// The buckets of a store.
    pub fn new(store: Arc<dyn Objects>) -> Self {
        Self(store)
    }

    /// Begins to read an object. Links are not followed: a link has no bytes.
    pub async fn open(&self, bucket: &str, key: &str) -> Result<ObjectContent, ReadError> {
        let no_object = || ReadError::NoObject { bucket: bucket.to_owned(), key: key.to_owned() };
        for _ in 0..ATTEMPTS_MAX {
            let entry = match self.0.object(bucket, key).await? {
                Found::NoBucket => return Err(ReadError::NoBucket { bucket: bucket.to_owned() }),
                Found::NoObject => return Err(no_object()),
                Found::Object(object) => object.entry,
            };
            if entry.kind == ObjectKind::Symlink {
                return Err(no_object());
            }
            match self.0.read(&entry.extents, 0..entry.size).await {
                Ok(bytes) => {
                    return Ok(ObjectContent {
                        size: entry.size,
                        crc64: entry.crc64,
                        etag: entry.etag,
                        bytes,
                    });
                }
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// Reads a whole object of at most `bytes_max` bytes into memory.
    pub async fn read(&self, bucket: &str, key: &str, bytes_max: u64) -> Result<Bytes, ReadError> {
        let mut content = self.open(bucket, key).await?;
        if content.size > bytes_max {
            return Err(ReadError::TooLarge { size: content.size, bytes_max });
        }
        let mut all = BytesMut::with_capacity(usize::try_from(content.size).unwrap_or(0));
        while let Some(bytes) = content.bytes.try_next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}
