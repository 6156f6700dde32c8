//! The event log, its queues and its traces: `events.db`.

mod block;
mod filter;
mod lease;
mod leases;
mod ledger;
mod log;
mod messages;
mod names;
mod rows;
mod schema;
mod search;
mod settle;
mod standing;
mod traces;
mod transaction;
mod trim;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kulkul_store::StoreError;

use self::ledger::{EventsLedger, EventsShared};
pub(crate) use self::transaction::{EventsTx, EventsWriter};
use crate::checkpoint::Checkpointer;
use crate::database::{self, Limits};
use crate::readers::Readers;
use crate::writer::Writer;

/// An open `events.db`.
pub(crate) struct Events {
    /// Who changes the file.
    pub(crate) writer: EventsWriter,
    /// Who reads it.
    pub(crate) readers: Readers,
    shared: Arc<EventsShared>,
}

impl Events {
    /// Opens the file in `dir`, or creates it. Blocks.
    pub(crate) fn open(dir: &Path, limits: Limits) -> Result<Self, StoreError> {
        let conn = database::open_writer(dir, &schema::KIND, limits)?;
        let shared = Arc::new(EventsShared::default());
        let ledger = EventsLedger::load(&conn, Arc::clone(&shared))?;
        let writer = Writer::start("events-writer", conn, ledger, Checkpointer::default())?;
        let readers = Readers::new(dir.join(schema::KIND.file_name));
        Ok(Self { writer: EventsWriter(writer), readers, shared })
    }

    /// How many records were appended since the file was opened.
    pub(crate) fn records_appended(&self) -> u64 {
        self.shared.appended.load(Ordering::Relaxed)
    }

    /// The bytes of all bodies that are kept.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.shared.body_bytes.load(Ordering::Relaxed)
    }

    /// Writes what has queued and closes the file. Blocks.
    pub(crate) fn close(&self) {
        self.writer.0.close();
        self.readers.close();
    }
}
