//! The code of functions: taking it in, giving it out, and forgetting it.

use bytes::Bytes;
use kulkul_model::crc64::Crc64;
use kulkul_model::{FunctionName, Qualifier};
use kulkul_store::{Digest, StoreError};
use sha2::{Digest as _, Sha256};

use super::Functions;
use crate::code::{CodeCacheError, CodeSource, ObjectReadError};
use crate::error::invalid;
use crate::{CodeInfo, FunctionError};

/// The code of a function as it was given.
#[derive(Clone, Debug)]
pub struct FunctionCode {
    /// The zip.
    pub zip: Bytes,
    /// Its checksum.
    pub crc64: u64,
}

/// Code that was checked and unpacked, and is not stored yet.
#[derive(Clone, Debug)]
pub(super) struct CheckedCode {
    pub(super) zip: Bytes,
    pub(super) info: CodeInfo,
}

impl Functions {
    /// The code that a qualifier chooses.
    pub async fn code(
        &self,
        name: &FunctionName,
        qualifier: &Qualifier,
    ) -> Result<FunctionCode, FunctionError> {
        let code = self.entry(name, qualifier)?.function.code;
        let zip = self.parts.blobs.get(&code.digest).await;
        let zip = zip.map_err(FunctionError::store("read the code of a function"))?;
        Ok(FunctionCode { zip, crc64: code.crc64 })
    }

    /// Reads, checks and unpacks the code that a client gave.
    pub(super) async fn take_code(&self, source: CodeSource) -> Result<CheckedCode, FunctionError> {
        let zip = self.read_code(&source).await?;
        let bytes_max = self.parts.options.archive.zip_bytes_max;
        if zip.len() as u64 > bytes_max {
            return Err(FunctionError::EntityTooLarge { bytes_max });
        }
        let (zip, digest, crc64) = checksums(zip).await?;
        if let Some(expected) = source.checksum.filter(|text| !text.is_empty())
            && expected.parse() != Ok(crc64)
        {
            let shown: String = expected.chars().take(32).collect();
            return invalid(format!("the checksum of the code is {crc64}, not {shown}"));
        }
        let unpacked = self.cache.unpack(&digest, zip.clone()).await;
        unpacked.map_err(|error| match error {
            CodeCacheError::Archive(error) => FunctionError::InvalidArgument(error.to_string()),
            error => FunctionError::CodeCache(error),
        })?;
        Ok(CheckedCode { info: CodeInfo { digest, bytes: zip.len() as u64, crc64 }, zip })
    }

    async fn read_code(&self, source: &CodeSource) -> Result<Bytes, FunctionError> {
        // Source: the message of the official deploy tool's server.
        const NEITHER: &str = "Either ossBucketName/ossObjectName or zipFile must be set";
        match (&source.zip, &source.bucket, &source.object) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                invalid("ossBucketName/ossObjectName and zipFile exclude each other")
            }
            (Some(zip), None, None) => Ok(zip.clone()),
            (None, Some(bucket), Some(object)) => self.read_object(bucket, object).await,
            (None, _, _) => invalid(NEITHER),
        }
    }

    async fn read_object(&self, bucket: &str, object: &str) -> Result<Bytes, FunctionError> {
        let Some(objects) = &self.parts.objects else {
            return invalid("this server has no buckets to read code from; give zipFile instead");
        };
        let bytes_max = self.parts.options.archive.zip_bytes_max;
        let read = objects.read(bucket.to_owned(), object.to_owned(), bytes_max).await;
        read.map_err(|error| match error {
            ObjectReadError::NotFound => FunctionError::InvalidArgument(format!(
                "object '{object}' of bucket '{bucket}' does not exist"
            )),
            ObjectReadError::TooLarge { .. } => FunctionError::EntityTooLarge { bytes_max },
            ObjectReadError::Failed(source) => {
                FunctionError::Store { action: "read the code from a bucket", source: failed(source) }
            }
        })
    }

    /// Stores code that was checked. Called with the control lock held, and followed by the document that refers to
    /// it: else the code could be deleted in between.
    pub(super) async fn store_code(&self, code: &CheckedCode) -> Result<(), FunctionError> {
        let stored = self.parts.blobs.put(code.zip.clone()).await;
        stored.map(drop).map_err(FunctionError::store("store the code of a function"))
    }

    /// Deletes every blob and unpacked tree that no function refers to.
    pub(crate) async fn delete_unused_code(&self) -> Result<(), FunctionError> {
        let in_use = self.registry.code_in_use();
        let all = self.parts.blobs.list().await.map_err(FunctionError::store("list the stored code"))?;
        for digest in all.into_iter().filter(|digest| !in_use.contains(digest)) {
            self.delete_blob(digest).await?;
        }
        self.cache.evict_all_but(in_use).await;
        Ok(())
    }

    /// Deletes one piece of code when no function refers to it any more. Called with the control lock held. What
    /// fails here is found again at the next start.
    pub(super) async fn forget_code(&self, digest: Digest) {
        let mut in_use = self.registry.code_in_use();
        if in_use.contains(&digest) {
            return;
        }
        if let Err(error) = self.delete_blob(digest).await {
            tracing::warn!(%error, "cannot delete code that no function refers to");
        }
        // Requests under way end in the code in which they began.
        in_use.extend(self.code_in_instances());
        self.cache.evict_all_but(in_use).await;
    }

    async fn delete_blob(&self, digest: Digest) -> Result<(), FunctionError> {
        let deleted = self.parts.blobs.delete(&digest).await;
        deleted.map(drop).map_err(FunctionError::store("delete unused code"))
    }
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Engine { action: "read an object", source: source.into() }
}

/// SHA-256 and CRC-64, off the threads that serve requests: they take a second for the largest zip.
async fn checksums(zip: Bytes) -> Result<(Bytes, Digest, u64), FunctionError> {
    let worker = tokio::task::spawn_blocking(move || {
        let digest = Digest(Sha256::digest(&zip).into());
        let mut crc64 = Crc64::new();
        crc64.update(&zip);
        (zip, digest, crc64.finish())
    });
    worker.await.map_err(|_| FunctionError::CodeCache(CodeCacheError::Interrupted))
}
