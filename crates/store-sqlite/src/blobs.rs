//! Blobs: one file for each, named by its content: `blobs/ab/abcdef…`.
//!
//! A blob is written beside its place, synced and renamed, so that its name never stands for half of it. What a
//! crash left unfinished is removed at the next start.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use kulkul_store::{Blobs, Digest, StoreError, StoreFuture};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::directory;
use crate::failure::Attempting;

/// How many blobs are read or written at once; others wait.
const AT_ONCE_MAX: usize = 4;
/// Where unfinished blobs are.
const UNFINISHED: &str = "unfinished";

/// A blob whose content has changed on the disk.
#[derive(Debug, thiserror::Error)]
#[error("the blob has changed on the disk: its digest is {found} now")]
pub struct Damaged {
    found: Digest,
}

/// The blobs below a directory.
pub(crate) struct BlobFiles {
    root: Arc<Root>,
    permits: Arc<Semaphore>,
}

struct Root {
    dir: PathBuf,
    unfinished: AtomicU64,
}

impl BlobFiles {
    /// Opens `blobs/` in the data directory. Blocks.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let dir = data_dir.join("blobs");
        let unfinished = dir.join(UNFINISHED);
        directory::create_private(&unfinished)
            .and_then(|()| fs::read_dir(&unfinished))
            .and_then(|mut entries| entries.try_for_each(|entry| fs::remove_file(entry?.path())))
            .attempting("clear the unfinished blobs")?;
        let root = Arc::new(Root { dir, unfinished: AtomicU64::new(0) });
        Ok(Self { root, permits: Arc::new(Semaphore::new(AT_ONCE_MAX)) })
    }

    /// Lets nobody begin any more.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Root) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let root = Arc::clone(&self.root);
        let working = tokio::task::spawn_blocking(move || {
            let outcome = work(&root);
            drop(permit);
            outcome
        });
        working.await.map_err(|source| StoreError::engine("work on a blob", source))?
    }
}

impl Blobs for BlobFiles {
    fn put(&self, content: Bytes) -> StoreFuture<'_, Digest> {
        Box::pin(self.run(move |root| root.put(&content)))
    }

    fn get(&self, digest: &Digest) -> StoreFuture<'_, Bytes> {
        let digest = *digest;
        Box::pin(self.run(move |root| root.get(digest)))
    }

    fn delete(&self, digest: &Digest) -> StoreFuture<'_, bool> {
        let digest = *digest;
        Box::pin(self.run(move |root| root.delete(digest).attempting("delete a blob")))
    }

    fn list(&self) -> StoreFuture<'_, Vec<Digest>> {
        Box::pin(self.run(|root| root.list().attempting("list the blobs")))
    }
}

impl Root {
    /// The directory of a blob and its file there.
    fn place(&self, digest: Digest) -> (PathBuf, PathBuf) {
        let name = digest.to_string();
        let dir = self.dir.join(&name[..2]);
        let file = dir.join(name);
        (dir, file)
    }

    fn put(&self, content: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest(Sha256::digest(content).into());
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.dir.join(UNFINISHED).join(format!("{digest}.{number}"));
        let stored = self.write(digest, content, &unfinished);
        if stored.is_err() {
            // It may not even have been created; and what stays is removed at the next start.
            drop(fs::remove_file(&unfinished));
        }
        stored.attempting("store a blob")?;
        Ok(digest)
    }

    fn write(&self, digest: Digest, content: &[u8], unfinished: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        let (dir, place) = self.place(digest);
        directory::create_private(&dir)?;
        // In the place of one that is there: should that be damaged, it is whole again.
        fs::rename(unfinished, place)?;
        directory::sync(&dir)?;
        directory::sync(&self.dir)
    }

    fn get(&self, digest: Digest) -> Result<Bytes, StoreError> {
        let content = match fs::read(self.place(digest).1) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::NotFound { key: digest.to_string() });
            }
            content => content.attempting("read a blob")?,
        };
        let found = Digest(Sha256::digest(&content).into());
        if found == digest {
            Ok(content.into())
        } else {
            Err(StoreError::engine("read a blob", Damaged { found }))
        }
    }

    fn delete(&self, digest: Digest) -> io::Result<bool> {
        let (dir, file) = self.place(digest);
        match fs::remove_file(file) {
            Ok(()) => directory::sync(&dir).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for dir in fs::read_dir(&self.dir)? {
            for file in fs::read_dir(dir?.path())? {
                // Unfinished ones have other names.
                digests.extend(file?.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()));
            }
        }
        Ok(digests)
    }
}
