//! Metadata: `meta.db`, one row for each document.

mod documents;
mod watchers;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kulkul_store::{Document, Key, Metadata, Revision, StoreError, StoreFuture, Watch};

use self::documents::MetadataLedger;
use crate::checkpoint::Checkpointer;
use crate::database::{self, Kind, Limits};
use crate::readers::Readers;
use crate::writer::{Weight, Writer};

const KIND: Kind = Kind { file_name: "meta.db", application_id: 0x4b6c_4d31, schema: &[documents::SCHEMA] };

/// An open `meta.db`.
pub(crate) struct Documents {
    pub(crate) writer: Writer<MetadataLedger>,
    readers: Readers,
}

impl Documents {
    /// Opens the file in `dir`, or creates it. Blocks.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let conn = database::open_writer(dir, &KIND, Limits::default())?;
        let ledger = MetadataLedger::load(&conn)?;
        let writer = Writer::start("meta-writer", conn, ledger, Checkpointer::default())?;
        Ok(Self { writer, readers: Readers::new(dir.join(KIND.file_name)) })
    }

    /// Writes what has queued and closes the file. Ends all watches. Blocks.
    pub(crate) fn close(&self) {
        self.writer.close();
        self.readers.close();
    }
}

impl Metadata for Documents {
    fn get(&self, key: &Key) -> StoreFuture<'_, Option<Document>> {
        let key = Arc::clone(&key.0);
        Box::pin(self.readers.read(move |conn| documents::get(conn, &key)))
    }

    fn create(&self, key: &Key, value: Bytes) -> StoreFuture<'_, Revision> {
        let key = key.clone();
        let weight = Weight::of(1, value.len());
        Box::pin(self.writer.run(weight, move |conn, ledger| ledger.create(conn, key, value)))
    }

    fn replace(&self, key: &Key, at: Revision, value: Bytes) -> StoreFuture<'_, Revision> {
        let key = key.clone();
        let weight = Weight::of(1, value.len());
        Box::pin(self.writer.run(weight, move |conn, ledger| ledger.replace(conn, key, at, value)))
    }

    fn delete(&self, key: &Key, at: Option<Revision>) -> StoreFuture<'_, bool> {
        let key = key.clone();
        Box::pin(self.writer.run(Weight::SMALL, move |conn, ledger| ledger.delete(conn, key, at)))
    }

    fn list(&self, prefix: &str, after: Option<&Key>, max: usize) -> StoreFuture<'_, Vec<Document>> {
        let (prefix, after) = (prefix.to_owned(), after.map(|key| Arc::clone(&key.0)));
        Box::pin(self.readers.snapshot(move |conn| documents::list(conn, &prefix, after.as_deref(), max)))
    }

    fn watch(&self, prefix: &str) -> StoreFuture<'_, Watch> {
        let prefix = prefix.to_owned();
        Box::pin(self.writer.run(Weight::SMALL, move |conn, ledger| ledger.watch(conn, prefix)))
    }
}
