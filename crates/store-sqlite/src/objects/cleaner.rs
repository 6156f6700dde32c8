//! The thread that removes files which nothing refers to: first those that an earlier run left, then those that are
//! discarded while the server runs. Removing a large file takes long; nobody waits for it here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use kulkul_store::StoreError;
use kulkul_store::objects::DataId;
use rusqlite::Connection;

use super::files::{Files, id_of};
use crate::database;
use crate::failure::Attempting;

/// How soon the thread notices that it is to stop.
const STOP_POLL: Duration = Duration::from_millis(50);

/// The handle of the thread. Dropping it stops the thread.
pub(super) struct Cleaner {
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Cleaner {
    /// Starts the thread. `database` is the file that knows which files are referred to.
    pub(super) fn start(
        files: Arc<Files>,
        garbage: mpsc::Receiver<DataId>,
        database: PathBuf,
    ) -> Result<Self, StoreError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            if let Err(error) = remove_orphans(&files, &database, &stopped) {
                tracing::warn!(%error, "cannot look for files that an earlier run left; the next start will");
            }
            remove_garbage(&files, &garbage, &stopped);
        };
        let thread = std::thread::Builder::new()
            .name("objects-cleaner".to_owned())
            .spawn(run)
            .attempting("start the thread that removes files")?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread. What it has not removed yet, the next start removes.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that removes files had panicked");
        }
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn remove_garbage(files: &Files, garbage: &mpsc::Receiver<DataId>, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        match garbage.recv_timeout(STOP_POLL) {
            Ok(id) => remove(files, id),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Removes the files that are neither new in this run nor referred to.
///
/// It looks whether a file is new *before* it asks the database: a file that is not new any more is referred to by
/// then, or it was discarded.
fn remove_orphans(files: &Files, database: &Path, stopped: &AtomicBool) -> Result<(), StoreError> {
    let action = "look for files that nothing refers to";
    let conn = database::open_reader(database)?;
    let mut removed = 0_u64;
    for shelf in fs::read_dir(files.dir()).attempting(action)? {
        let shelf = shelf.attempting(action)?.path();
        if !shelf.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf).attempting(action)? {
            if stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let name = file.attempting(action)?.file_name();
            let Some(id) = name.to_str().and_then(id_of) else { continue };
            if !files.is_new(id) && !is_referred_to(&conn, id)? {
                remove(files, id);
                removed += 1;
            }
        }
    }
    if removed > 0 {
        tracing::info!(count = removed, "removed files that an earlier run left");
    }
    Ok(())
}

fn is_referred_to(conn: &Connection, id: DataId) -> Result<bool, StoreError> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM data WHERE id = ?1)")
        .and_then(|mut s| s.query_row([id.0.to_be_bytes()], |row| row.get(0)))
        .attempting("look whether something refers to a file")
}

fn remove(files: &Files, id: DataId) {
    if let Err(error) = files.remove(id) {
        tracing::warn!(file = %id, %error, "cannot remove a file that nothing refers to; the next start will try");
    }
}
