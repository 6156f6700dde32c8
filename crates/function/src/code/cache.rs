//! Unpacked code, by the SHA-256 of its zip.
//!
//! The directory can be deleted at any time: what is needed is unpacked again from its blob. A tree appears whole
//! or not at all, since it is unpacked beside its place and then renamed. Its files are not synced; a machine that
//! went down may have lost some of their bytes, so a cache from an earlier boot is thrown away.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kulkul_store::{Blobs, Digest, StoreError};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::archive::{ArchiveError, ArchiveLimits};
use super::unpack::{UnpackError, remove_tree, unpack};

/// Why code could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CodeCacheError {
    /// The archive is refused.
    #[error(transparent)]
    Archive(ArchiveError),
    /// The disk failed.
    #[error("cannot write to {path}")]
    Io {
        /// Where.
        path: PathBuf,
        /// How.
        #[source]
        source: io::Error,
    },
    /// The blob could not be read.
    #[error("cannot read the stored code")]
    Store(#[source] StoreError),
    /// The thread that was unpacking is gone.
    #[error("the unpacking was interrupted")]
    Interrupted,
}

/// Unpacked code on disk.
#[derive(Debug)]
pub struct CodeCache {
    root: PathBuf,
    limits: ArchiveLimits,
    /// One unpacking at a time: they compete for the same disk, and two of the same code would do the work twice.
    unpacking: Mutex<()>,
}

const BOOT_FILE: &str = ".boot";
const TEMPORARY_PREFIX: &str = ".unpacking-";

impl CodeCache {
    /// Opens the cache in `root`, creating it when it is not there. Blocks on the disk.
    pub fn open(root: PathBuf, limits: ArchiveLimits) -> Result<Self, CodeCacheError> {
        let failed = |source| CodeCacheError::Io { path: root.clone(), source };
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot_file = root.join(BOOT_FILE);
        let same_boot = !boot.is_empty() && fs::read_to_string(&boot_file).is_ok_and(|seen| seen == boot);
        if !same_boot {
            remove_tree(&root).map_err(failed)?;
        }
        fs::create_dir_all(&root).map_err(failed)?;
        fs::write(&boot_file, boot).map_err(failed)?;
        let cache = Self { root, limits, unpacking: Mutex::new(()) };
        for (name, path) in cache.entries() {
            if name.starts_with(TEMPORARY_PREFIX) {
                remove_tree(&path).map_err(|source| CodeCacheError::Io { path, source })?;
            }
        }
        Ok(cache)
    }

    /// Where the code with this digest is, or will be, unpacked.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.to_string())
    }

    /// Unpacks a zip whose SHA-256 is `digest`, unless it is there already, and returns where.
    pub async fn unpack(&self, digest: &Digest, zip: Bytes) -> Result<PathBuf, CodeCacheError> {
        let place = self.path(digest);
        let _one_at_a_time = self.unpacking.lock().await;
        if tokio::fs::try_exists(&place).await.unwrap_or(false) {
            return Ok(place);
        }
        let beside = self.root.join(format!("{TEMPORARY_PREFIX}{}", Uuid::new_v4()));
        let limits = self.limits;
        let destination = place.clone();
        let worker = tokio::task::spawn_blocking(move || {
            let unpacked = fs::create_dir(&beside)
                .map_err(UnpackError::Io)
                .and_then(|()| unpack(&zip, &limits, &beside))
                .and_then(|()| fs::rename(&beside, &destination).map_err(UnpackError::Io));
            unpacked.inspect_err(|_| {
                // What stays behind is removed when the cache is opened next.
                let _ = remove_tree(&beside);
            })
        });
        match worker.await {
            Ok(Ok(())) => Ok(place),
            Ok(Err(UnpackError::Archive(error))) => Err(CodeCacheError::Archive(error)),
            Ok(Err(UnpackError::Io(source))) => Err(CodeCacheError::Io { path: place, source }),
            Err(_) => Err(CodeCacheError::Interrupted),
        }
    }

    /// Makes sure that the code with this digest is unpacked, from its blob when need be, and returns where.
    pub async fn obtain(&self, digest: &Digest, blobs: &Arc<dyn Blobs>) -> Result<PathBuf, CodeCacheError> {
        let place = self.path(digest);
        if tokio::fs::try_exists(&place).await.unwrap_or(false) {
            return Ok(place);
        }
        let zip = blobs.get(digest).await.map_err(CodeCacheError::Store)?;
        self.unpack(digest, zip).await
    }

    /// Removes every tree whose digest is not in `keep`, and returns how many went. What cannot be removed is left.
    pub async fn evict_all_but(self: &Arc<Self>, keep: HashSet<Digest>) -> usize {
        let _nobody_unpacks = self.unpacking.lock().await;
        let cache = Arc::clone(self);
        let removed = tokio::task::spawn_blocking(move || {
            let unused = |name: &str| name.parse::<Digest>().is_ok_and(|digest| !keep.contains(&digest));
            let mut count = 0;
            for (_, path) in cache.entries().into_iter().filter(|(name, _)| unused(name)) {
                match remove_tree(&path) {
                    Ok(()) => count += 1,
                    Err(error) => tracing::warn!(%error, path = %path.display(), "cannot remove unused code"),
                }
            }
            count
        });
        removed.await.unwrap_or(0)
    }

    fn entries(&self) -> Vec<(String, PathBuf)> {
        let listing = fs::read_dir(&self.root).into_iter().flatten().flatten();
        listing.filter_map(|e| Some((e.file_name().into_string().ok()?, e.path()))).collect()
    }

    /// The directory of the cache.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Entry, MemoryBlobs, digest_of, zip_of};

    fn open(directory: &Path) -> Arc<CodeCache> {
        Arc::new(CodeCache::open(directory.join("code"), ArchiveLimits::default()).unwrap())
    }

    #[tokio::test]
    async fn code_is_unpacked_once_and_rebuilt_from_its_blob() {
        let directory = tempfile::tempdir().unwrap();
        let zip = zip_of(&[Entry::File("index.py", b"x = 1\n", 0o644)]);
        let digest = digest_of(&zip);
        let blobs: Arc<dyn Blobs> = Arc::new(MemoryBlobs::default());
        blobs.put(zip.clone()).await.unwrap();
        let cache = open(directory.path());
        let place = cache.unpack(&digest, zip.clone()).await.unwrap();
        assert_eq!(place, cache.unpack(&digest, Bytes::new()).await.unwrap(), "it was there already");
        remove_tree(&place).unwrap();
        let again = cache.obtain(&digest, &blobs).await.unwrap();
        assert_eq!(fs::read(again.join("index.py")).unwrap(), b"x = 1\n");
        let missing = cache.obtain(&Digest([7; 32]), &blobs).await.unwrap_err();
        assert!(matches!(missing, CodeCacheError::Store(StoreError::NotFound { .. })), "{missing:?}");
    }

    #[tokio::test]
    async fn a_refused_archive_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let cache = open(directory.path());
        let zip = zip_of(&[Entry::File("../x", b"", 0o644)]);
        let error = cache.unpack(&digest_of(&zip), zip).await.unwrap_err();
        assert!(matches!(error, CodeCacheError::Archive(ArchiveError::Entry { .. })), "{error:?}");
        assert_eq!(cache.entries().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), [BOOT_FILE]);
    }

    #[tokio::test]
    async fn unused_code_goes_and_a_cache_of_another_boot_too() {
        let directory = tempfile::tempdir().unwrap();
        let cache = open(directory.path());
        let zips = [b"1", b"2"].map(|content| zip_of(&[Entry::File("a/b", content, 0o644)]));
        for zip in &zips {
            cache.unpack(&digest_of(zip), zip.clone()).await.unwrap();
        }
        let kept = digest_of(&zips[0]);
        assert_eq!(cache.evict_all_but(HashSet::from([kept])).await, 1);
        assert!(cache.path(&kept).exists() && !cache.path(&digest_of(&zips[1])).exists());
        fs::create_dir(cache.root().join(".unpacking-x")).unwrap();
        let reopened = open(directory.path());
        assert!(reopened.path(&kept).exists() && !reopened.root().join(".unpacking-x").exists());
        fs::write(cache.root().join(BOOT_FILE), "another").unwrap();
        assert!(!open(directory.path()).path(&kept).exists());
    }
}
