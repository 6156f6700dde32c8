//! Empty files that are ready to be written: created, and their entries synced, before anybody needs one.
//!
//! Creating a file and syncing its entry takes as long as syncing its bytes. Doing it beforehand, for many files at
//! once, takes it out of the time that a client waits. A spare that is never used is a file that nothing refers to,
//! and goes as those do.

use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use kulkul_store::StoreError;
use kulkul_store::objects::DataId;

use super::files::Files;
use crate::failure::Attempting;

/// How many files are kept ready.
const READY: usize = 32;

/// How many are made together: their entries are synced by one sync.
const TOGETHER: usize = 4;

/// Files that are ready. Shared by the sinks and the thread that makes more.
#[derive(Default)]
pub(super) struct Spares {
    state: Mutex<State>,
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    ready: Vec<(DataId, File)>,
    stopped: bool,
}

/// The handle of the thread that makes spares. Dropping it stops the thread.
pub(super) struct SpareMaker {
    files: Arc<Files>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Spares {
    /// Takes a file. `None` when more were asked for than could be made: then make one yourself.
    pub(super) fn take(&self) -> Option<(DataId, File)> {
        let mut state = self.state();
        let spare = state.ready.pop();
        if state.ready.len() <= READY - TOGETHER {
            self.wanted.notify_one();
        }
        spare
    }

    /// Waits until some are wanted; `false` once it is stopped.
    fn wait(&self) -> bool {
        let full = |state: &mut State| !state.stopped && state.ready.len() > READY - TOGETHER;
        let state = self.wanted.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        !state.stopped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpareMaker {
    /// Starts the thread.
    pub(super) fn start(files: Arc<Files>) -> Result<Self, StoreError> {
        let thread = std::thread::Builder::new();
        let makes = Arc::clone(&files);
        let thread = thread
            .name("objects-spares".to_owned())
            .spawn(move || make(&makes))
            .attempting("start the thread that makes files")?;
        Ok(Self { files, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread, and removes the spares that are left.
    pub(super) fn stop(&self) {
        let spares = self.files.spares();
        let left = {
            let mut state = spares.state();
            state.stopped = true;
            std::mem::take(&mut state.ready)
        };
        spares.wanted.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that makes files had panicked");
        }
        for (id, _) in left {
            // What stays is removed by the next start.
            let _stays = self.files.remove(id);
        }
    }
}

impl Drop for SpareMaker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes spares whenever some are wanted. A disk that takes no more ends it: whoever writes then is told by itself.
fn make(files: &Files) {
    let spares = files.spares();
    while spares.wait() {
        match files.create_together(TOGETHER) {
            Ok(made) => {
                let mut state = spares.state();
                if state.stopped {
                    made.iter().for_each(|(id, _)| files.discard(*id));
                    return;
                }
                state.ready.extend(made);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot make files beforehand");
                return;
            }
        }
    }
}
