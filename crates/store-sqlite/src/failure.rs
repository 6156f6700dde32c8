//! What a failure of SQLite means to those who asked.

use std::sync::Arc;

use kulkul_store::StoreError;
use rusqlite::ErrorCode;

/// A conversion of SQLite's failures that says what was attempted.
pub(crate) trait Attempting<T> {
    /// Turns a failure into a [`StoreError`] that says "cannot `action`"; a full disk is told apart.
    fn attempting(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T> Attempting<T> for rusqlite::Result<T> {
    fn attempting(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { source: Arc::new(source) },
            _ => StoreError::engine(action, source),
        })
    }
}

impl<T> Attempting<T> for std::io::Result<T> {
    fn attempting(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreError::Full { source: Arc::new(source) }
            }
            _ => StoreError::engine(action, source),
        })
    }
}

/// Whether a failure leaves it open what is on the disk, so that nothing more may be written.
///
/// A full disk is none: SQLite has noticed before anything was promised, and the rollback needs no room.
pub(crate) fn leaves_disk_in_doubt(error: &StoreError) -> bool {
    let StoreError::Engine { source, .. } = error else { return false };
    let Some(source) = source.downcast_ref::<rusqlite::Error>() else { return false };
    matches!(
        source.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
        )
    )
}
