//! How the engine is: numbers for metrics, diagnosis and benchmarks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::events::Events;
use crate::metadata::Documents;
use crate::writer::{Ledger, Writer};

/// How the engine is, and what it has done since it was opened.
#[derive(Clone, Debug)]
pub struct Health {
    /// `events.db`: the event log, its queues and traces, and objects.
    pub events: FileHealth,
    /// `meta.db`: metadata.
    pub metadata: FileHealth,
    /// Records appended since it was opened.
    pub records_appended: u64,
    /// Bytes of all record bodies that are kept.
    pub body_bytes: u64,
}

/// How one database file is.
#[derive(Clone, Debug)]
pub struct FileHealth {
    /// Commits. The write-ahead log was synced for each, before anybody was told of it.
    pub commits: u64,
    /// Calls that shared these commits.
    pub jobs: u64,
    /// Commits that failed: the disk was full, or the writer is poisoned.
    pub failed_commits: u64,
    /// Pages copied from the write-ahead log into the file. The file is synced for each time that some are.
    pub checkpointed_pages: u64,
    /// Why it refuses writes until the store is opened anew, if it does.
    pub poisoned: Option<Arc<str>>,
}

impl Health {
    pub(crate) fn read(events: &Events, documents: &Documents) -> Self {
        Self {
            events: FileHealth::read(&events.writer.0),
            metadata: FileHealth::read(&documents.writer),
            records_appended: events.records_appended(),
            body_bytes: events.body_bytes(),
        }
    }

    /// Whether both files take writes.
    pub fn takes_writes(&self) -> bool {
        self.events.poisoned.is_none() && self.metadata.poisoned.is_none()
    }
}

impl FileHealth {
    fn read<L: Ledger>(writer: &Writer<L>) -> Self {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = writer.counts();
        Self {
            commits: read(&counts.commits),
            jobs: read(&counts.jobs),
            failed_commits: read(&counts.failed_commits),
            checkpointed_pages: read(&counts.checkpointed_pages),
            poisoned: writer.poison(),
        }
    }
}
