//! The engine as a whole.

use std::path::Path;
use std::sync::Arc;

use kulkul_store::{EventLog, StoreError};

use crate::directory::DirectoryLock;
use crate::events::Events;

/// An open data directory.
pub struct SqliteStore {
    pub(crate) events: Arc<Events>,
    lock: DirectoryLock,
}

impl SqliteStore {
    /// Opens a data directory, or creates one. Takes a few milliseconds, and blocks.
    ///
    /// [`StoreError::Format`] when another version wrote it; [`StoreError::Engine`] with the source
    /// [`InUse`](crate::InUse) when another server has it open.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = DirectoryLock::take(dir)?;
        let events = Arc::new(Events::open(dir)?);
        Ok(Self { events, lock })
    }

    /// The event log and its queues.
    pub fn event_log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.events) as Arc<dyn EventLog>
    }

    /// Writes what has queued, tidies the files and closes them. Blocks. Later calls get [`StoreError::Closed`].
    pub fn close(&self) {
        self.events.close();
        self.lock.release();
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}
