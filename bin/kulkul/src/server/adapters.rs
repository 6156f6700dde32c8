//! Where a crate asks for a seam, and another one has what fits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_access::{AccessKeys, Role};
use kulkul_delivery::Clock;
use kulkul_function::{CodeObjects, CredentialSource, ObjectReadError, TemporaryCredentials};
use kulkul_model::FunctionName;
use kulkul_objects::{Buckets, ReadError};
use kulkul_source::action_trail::{ReadFileError, TrailFiles};

/// Code that lies in a bucket.
pub struct BucketCode(pub Buckets);

impl CodeObjects for BucketCode {
    fn read(
        &self,
        bucket: String,
        object: String,
        bytes_max: u64,
    ) -> BoxFuture<'_, Result<Bytes, ObjectReadError>> {
        Box::pin(async move {
            self.0.read(&bucket, &object, bytes_max).await.map_err(|error| match error {
                ReadError::NoBucket { .. } | ReadError::NoObject { .. } => ObjectReadError::NotFound,
                ReadError::TooLarge { size, .. } => ObjectReadError::TooLarge { bytes: size },
                error @ ReadError::Store(_) => ObjectReadError::Failed(Box::new(error)),
            })
        })
    }
}

/// Files of ActionTrail that lie in a bucket.
pub struct BucketFiles(pub Buckets);

impl TrailFiles for BucketFiles {
    fn read<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        bytes_max: u64,
    ) -> BoxFuture<'a, Result<Bytes, ReadFileError>> {
        Box::pin(async move {
            self.0.read(bucket, key, bytes_max).await.map_err(|error| match error {
                ReadError::NoBucket { .. } | ReadError::NoObject { .. } => ReadFileError::Gone,
                ReadError::TooLarge { size, .. } => ReadFileError::TooLarge { bytes: size },
                error @ ReadError::Store(_) => ReadFileError::Failed(Box::new(error)),
            })
        })
    }
}

/// Credentials of functions that have a role: temporary keys that may publish and read, made from an admin key.
///
/// What a role may do is not modelled here: a function with any role may put events and objects, and read.
pub struct KeyCredentials {
    /// The keys of this server.
    pub keys: Arc<AccessKeys>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl CredentialSource for KeyCredentials {
    fn issue(
        &self,
        _function: &FunctionName,
        _role: &str,
        lifetime: Duration,
    ) -> Option<TemporaryCredentials> {
        let parent =
            self.keys.list().into_iter().find(|key| key.role() == Role::Admin && !key.is_disabled())?;
        let key = self.keys.issue_temporary(&parent, Role::Publish, lifetime, self.clock.now()).ok()?;
        Some(TemporaryCredentials {
            access_key_id: key.id.as_str().to_owned(),
            access_key_secret: key.secret.expose().to_owned(),
            security_token: key.security_token.expose().to_owned(),
            expires_at: key.expires_at,
        })
    }
}
