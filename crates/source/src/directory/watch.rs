//! Looks again and again, and reports what is new.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kulkul_bus::{AcceptError, BusError, Hub};
use kulkul_model::BusName;
use kulkul_store::{Metadata, StoreError};
use tokio_util::sync::CancellationToken;

use super::event::{event_of, id_of};
use super::look::{FILE_COUNT_MAX, File, Look, Looked, look_at, settled};
use super::seen;
use crate::SourceName;

/// How often a directory is looked at. A look costs one system call for each file.
const PAUSE: Duration = Duration::from_millis(500);
/// Files that are reported in one commit.
const BATCH: usize = 64;
/// What the events' sender is said to be.
const SENDER: &str = "127.0.0.1";

/// A directory to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedDirectory {
    /// The source of its events.
    pub name: SourceName,
    /// Where it is.
    pub path: PathBuf,
    /// The bus that gets the events.
    pub bus: BusName,
}

/// What watching works with.
#[derive(Clone)]
pub struct WatchedDirectoriesParts {
    /// Whose buses get the events.
    pub hub: Arc<Hub>,
    /// Where it is stored which files were reported.
    pub metadata: Arc<dyn Metadata>,
}

/// What is known of a directory that is watched.
#[derive(Default)]
struct Known {
    /// The look before.
    before: Look,
    /// It was cut off.
    cut_off: bool,
    /// What is stored, once it was read.
    reported: Option<BTreeMap<String, File>>,
}

/// Watches directories.
pub struct WatchedDirectories(WatchedDirectoriesParts);

#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error("cannot look at the directory")]
    Look(#[from] std::io::Error),
    #[error("cannot read or write which files were reported")]
    Store(#[from] StoreError),
    #[error("cannot look for the event of a file")]
    Search(#[from] BusError),
    #[error("cannot store the events of files")]
    Accept(#[from] AcceptError),
}

impl WatchedDirectories {
    /// Directories that are not watched yet.
    pub fn new(parts: WatchedDirectoriesParts) -> Self {
        Self(parts)
    }

    /// Watches one directory until it is told to stop. A directory that is not there, or a store that fails, is tried
    /// again; the log tells of it when that begins and when it ends.
    pub async fn run(&self, directory: WatchedDirectory, stop: CancellationToken) {
        let work = async {
            let mut known = Known::default();
            let mut fails = false;
            loop {
                tokio::time::sleep(PAUSE).await;
                match self.step(&directory, &mut known).await {
                    Ok(()) if fails => {
                        fails = false;
                        tracing::info!(event.source = %directory.name, "the directory is watched again");
                    }
                    Ok(()) => {}
                    Err(error) if !fails => {
                        fails = true;
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        let (name, path) = (&directory.name, directory.path.display());
                        tracing::warn!(event.source = %name, %path, %error, cause, "a directory is not watched");
                    }
                    Err(_) => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    }

    /// One look, and what follows from it.
    async fn step(&self, directory: &WatchedDirectory, known: &mut Known) -> Result<(), WatchError> {
        let Known { before, cut_off: was_cut_off, reported } = known;
        let name = directory.name.as_str();
        let reported = match reported {
            Some(reported) => reported,
            None => reported.insert(seen::read(&*self.0.metadata, name).await?),
        };
        let path = directory.path.clone();
        let looked = tokio::task::spawn_blocking(move || look_at(&path, FILE_COUNT_MAX)).await;
        let Looked { files: now, cut_off } =
            looked.unwrap_or_else(|error| Err(std::io::Error::other(error)))?;
        if cut_off && !*was_cut_off {
            let path = directory.path.display();
            tracing::warn!(event.source = name, %path, count_max = FILE_COUNT_MAX, "a directory has more files than are watched");
        }
        *was_cut_off = cut_off;
        // Of a look that was cut off nobody knows what is gone. What is forgotten too early would be reported again.
        let is_gone = |file: &&String| !cut_off && !now.contains_key(*file);
        let gone: Vec<String> = reported.keys().filter(is_gone).cloned().collect();
        for file in gone {
            seen::forget(&*self.0.metadata, name, &file).await?;
            reported.remove(&file);
        }
        let new: Vec<(String, File)> = settled(before, &now)
            .filter(|(file, state)| reported.get(*file) != Some(state))
            .map(|(file, state)| (file.clone(), state))
            .collect();
        *before = now;
        for batch in new.chunks(BATCH) {
            self.report(directory, batch, reported).await?;
        }
        Ok(())
    }

    /// Puts the events of files on the bus, and then notes them.
    async fn report(
        &self,
        directory: &WatchedDirectory,
        files: &[(String, File)],
        reported: &mut BTreeMap<String, File>,
    ) -> Result<(), WatchError> {
        let name = directory.name.as_str();
        let mut drafts = Vec::with_capacity(files.len());
        for (file, state) in files {
            // A server that ended before it could note a file has put its event on the bus already.
            if !self.0.hub.has_event(&directory.bus, name, &id_of(name, file, *state)).await? {
                let changed = reported.contains_key(file);
                drafts.push(Ok(event_of(name, &directory.path, file, *state, changed)));
            }
        }
        if !drafts.is_empty() {
            for answer in self.0.hub.accept(&directory.bus, drafts, SENDER).await? {
                if let Err(error) = answer {
                    tracing::error!(event.source = name, %error, "the event of a file is refused");
                }
            }
        }
        for (file, state) in files {
            seen::note(&*self.0.metadata, name, file, *state).await?;
            reported.insert(file.clone(), *state);
        }
        Ok(())
    }
}
