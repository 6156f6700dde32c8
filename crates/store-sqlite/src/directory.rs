//! The data directory: its modes, and the lock that keeps a second server out.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kulkul_store::StoreError;

use crate::failure::Attempting;

const LOCK_FILE: &str = "lock";

/// Somebody else has the data directory open.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is in use by another server", .0.display())]
pub struct InUse(pub PathBuf);

/// The right to use a data directory, until it is released or dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock(Mutex<Option<File>>);

impl DirectoryLock {
    /// Creates the directory when it is not there, and locks it. Fails at once when it is locked.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        create_private(dir).attempting("create the data directory")?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(dir.join(LOCK_FILE))
            .attempting("open the lock of the data directory")?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Mutex::new(Some(file)))),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::engine("lock the data directory", InUse(dir.to_owned())))
            }
            Err(TryLockError::Error(source)) => Err(source).attempting("lock the data directory"),
        }
    }

    /// Lets others use the directory.
    pub(crate) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Creates a directory, and those above it, that only the owner can enter. One that is there keeps its mode.
pub(crate) fn create_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes sure that the entries of a directory survive a loss of power.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
