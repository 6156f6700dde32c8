//! The engine as a whole.

use std::path::Path;
use std::sync::Arc;

use kulkul_store::objects::Objects;
use kulkul_store::{Blobs, EventLog, MessageLog, Metadata, StoreError, Traces};

use crate::blobs::BlobFiles;
use crate::database::Limits;
use crate::directory::DirectoryLock;
use crate::events::Events;
use crate::health::Health;
use crate::metadata::Documents;
use crate::objects::SqliteObjects;

/// What can be chosen when a data directory is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How large `events.db` may get, in bytes, its write-ahead log not counted. What would need more gets
    /// [`StoreError::Full`], as if the disk were full. `None`: as large as the disk lets it.
    pub events_bytes_max: Option<u64>,
}

/// An open data directory.
pub struct SqliteStore {
    pub(crate) events: Arc<Events>,
    documents: Arc<Documents>,
    blobs: Arc<BlobFiles>,
    objects: Arc<SqliteObjects>,
    lock: DirectoryLock,
}

impl SqliteStore {
    /// Opens a data directory, or creates one. Takes a few milliseconds, and blocks.
    ///
    /// [`StoreError::Format`] when another version wrote it; [`StoreError::Engine`] with the source
    /// [`InUse`](crate::InUse) when another server has it open.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let lock = DirectoryLock::take(dir)?;
        // Creating a file takes several syncs, so the two are opened side by side.
        let (events, documents) = std::thread::scope(|scope| {
            let documents = scope.spawn(|| Documents::open(dir));
            let events = Events::open(dir, Limits { bytes_max: options.events_bytes_max });
            (events, documents.join().expect("opening a file does not panic"))
        });
        let (events, documents) = (Arc::new(events?), Arc::new(documents?));
        let blobs = Arc::new(BlobFiles::open(dir)?);
        let objects = Arc::new(SqliteObjects::open(dir, Arc::clone(&events))?);
        Ok(Self { events, documents, blobs, objects, lock })
    }

    /// The event log and its queues.
    pub fn event_log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.events) as Arc<dyn EventLog>
    }

    /// Messages, kept in the event log.
    pub fn messages(&self) -> Arc<dyn MessageLog> {
        Arc::clone(&self.events) as Arc<dyn MessageLog>
    }

    /// The metadata.
    pub fn metadata(&self) -> Arc<dyn Metadata> {
        Arc::clone(&self.documents) as Arc<dyn Metadata>
    }

    /// The blobs.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.blobs) as Arc<dyn Blobs>
    }

    /// Buckets and objects.
    pub fn objects(&self) -> Arc<dyn Objects> {
        Arc::clone(&self.objects) as Arc<dyn Objects>
    }

    /// The traces.
    pub fn traces(&self) -> Arc<dyn Traces> {
        Arc::clone(&self.events) as Arc<dyn Traces>
    }

    /// How it is, and what it has done since it was opened. Cheap.
    pub fn health(&self) -> Health {
        Health::read(&self.events, &self.documents)
    }

    /// Writes what has queued, tidies the files and closes them. Blocks, usually for a few milliseconds.
    ///
    /// Later calls to its parts get [`StoreError::Closed`], and watches end. Dropping it does the same.
    pub fn close(&self) {
        self.objects.close();
        self.events.close();
        self.documents.close();
        self.blobs.close();
        self.lock.release();
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}
