//! The connections that read a database file, each for one reader at a time.
//!
//! Reading blocks, so it happens on Tokio's threads for that. At most [`READERS_MAX`] read at once; others wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kulkul_store::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::database;
use crate::failure::Attempting;

/// How many connections read one file at most.
const READERS_MAX: usize = 4;

/// A pool of connections, opened when first needed.
pub(crate) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// A pool for the file at `path`, which exists.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, permits: Arc::new(Semaphore::new(READERS_MAX)), idle: Arc::default() }
    }

    /// Runs `work` in one read transaction: all that it reads is from one moment, that of its first query.
    ///
    /// Dropping the future does not stop work that has begun.
    pub(crate) async fn snapshot<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.read(|conn| work(&*conn.unchecked_transaction().attempting("begin to read")?)).await
    }

    /// Runs `work` outside of a transaction: each query reads what is there at its time.
    ///
    /// Dropping the future does not stop work that has begun.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (path, idle, permits) = (self.path.clone(), Arc::clone(&self.idle), Arc::clone(&self.permits));
        let reading = tokio::task::spawn_blocking(move || {
            let kept = lock(&idle).pop();
            let conn = kept.map_or_else(|| database::open_reader(&path), Ok)?;
            let outcome = work(&conn);
            // A connection whose transaction did not end would hold back the checkpoints.
            let mut idle = lock(&idle);
            if conn.is_autocommit() && !permits.is_closed() {
                idle.push(conn);
            }
            drop(idle);
            drop(permit);
            outcome
        });
        reading.await.map_err(|source| StoreError::engine("read", source))?
    }

    /// Closes the pool: later ones get [`StoreError::Closed`]. Who reads at the moment closes his connection himself.
    pub(crate) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
