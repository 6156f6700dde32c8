//! The contract of every engine, kept by this one.

use std::sync::Mutex;

use kulkul_store::contract::{Closing, Engine, Opening, Store};
use kulkul_store_sqlite::{Options, SqliteStore};

kulkul_store::contract_tests!(Sqlite::new());

struct Sqlite {
    dir: tempfile::TempDir,
    open: Mutex<Option<SqliteStore>>,
}

impl Sqlite {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), open: Mutex::new(None) }
    }
}

impl Engine for Sqlite {
    fn open(&self) -> Opening<'_> {
        Box::pin(async {
            let store = SqliteStore::open(self.dir.path(), Options::default()).unwrap();
            let parts = Store {
                log: store.event_log(),
                messages: store.messages(),
                traces: store.traces(),
                metadata: store.metadata(),
                blobs: store.blobs(),
                objects: store.objects(),
            };
            *self.open.lock().unwrap() = Some(store);
            parts
        })
    }

    fn close(&self) -> Closing<'_> {
        Box::pin(async {
            if let Some(store) = self.open.lock().unwrap().take() {
                store.close();
            }
        })
    }
}
