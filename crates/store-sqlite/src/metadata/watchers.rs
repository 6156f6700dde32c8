//! Those who watch documents, told by the writer after each commit.

use kulkul_store::{Change, Document, Watch};
use tokio::sync::mpsc::{self, error::TrySendError};

/// How many changes a watcher may lag behind. A slower one loses its stream, and watches anew.
const LAG_MAX: usize = 1024;

/// One who watches.
pub(super) struct Watcher {
    prefix: String,
    changes: mpsc::Sender<Change>,
}

/// All who watch.
#[derive(Default)]
pub(super) struct Watchers(Vec<Watcher>);

impl Watcher {
    /// Begins a stream with all that is present. Its channel has room for that, so nobody waits here.
    pub(super) fn new(prefix: String, present: Vec<Document>) -> (Self, Watch) {
        let (changes, watch) = mpsc::channel(present.len() + 1 + LAG_MAX);
        let watcher = Self { prefix, changes };
        let present = present.into_iter().map(Change::Put);
        for change in present.chain([Change::Current]) {
            watcher.send(change);
        }
        (watcher, watch)
    }

    /// Sends a change. Returns whether there is a reader that keeps up.
    fn send(&self, change: Change) -> bool {
        match self.changes.try_send(change) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
        }
    }

    fn cares(&self, change: &Change) -> bool {
        match change {
            Change::Put(document) => document.key.0.starts_with(&self.prefix),
            Change::Deleted(key) => key.0.starts_with(&self.prefix),
            Change::Current => false,
        }
    }
}

impl Watchers {
    pub(super) fn add(&mut self, watcher: Watcher) {
        self.0.retain(|watcher| !watcher.changes.is_closed());
        self.0.push(watcher);
    }

    pub(super) fn tell(&mut self, change: &Change) {
        self.0.retain(|watcher| !watcher.cares(change) || watcher.send(change.clone()));
    }
}
