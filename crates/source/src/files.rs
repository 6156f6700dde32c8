//! Additions to the catalog that users keep as files: read again when one of them changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kulkul_catalog::{AdditionFault, AdditionsError, CatalogAdditions, LoadLimits};
use tokio_util::sync::CancellationToken;

use crate::Sources;

/// How often the directory is looked at. A look costs one system call for each file.
const PAUSE: Duration = Duration::from_millis(400);
/// How many entries a look notices: more than may be there.
const ENTRY_COUNT_MAX: usize = 1024;

impl Sources {
    /// Reads the files again whenever the directory or one of them has changed, until it is told to stop.
    ///
    /// One bad file refuses all of them: the log says file, line and reason, and the catalog stays as it was.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        // Of no state, so that what changed between the start and now is read once more.
        let mut seen = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            let directory = self.parts.directory.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || Look::at(&directory)).await else { continue };
            if seen.as_ref() == Some(&now) || (seen.is_none() && now.0.is_empty()) {
                continue;
            }
            seen = Some(now);
            self.reload().await;
        }
    }

    async fn reload(&self) {
        let read = read(self.parts.directory.clone()).await;
        let directory = self.parts.directory.display();
        if read.is_ok() {
            tracing::info!(%directory, "read the files of the catalog");
        }
        let _control = self.control.lock().await;
        self.show(|next| next.take_files(read));
    }
}

/// Reads all files of the directory, on a thread that may block.
pub(crate) async fn read(directory: PathBuf) -> Result<CatalogAdditions, AdditionsError> {
    let shown = directory.display().to_string();
    let read = tokio::task::spawn_blocking(move || {
        CatalogAdditions::from_directory(&directory, &LoadLimits::default())
    });
    read.await.unwrap_or_else(|error| {
        let fault = AdditionFault { file: shown, line: None, column: None, reason: error.to_string() };
        Err(AdditionsError { faults: vec![fault] })
    })
}

/// What can be seen of the files without reading them, by name.
#[derive(Debug, PartialEq, Eq)]
struct Look(Vec<(PathBuf, Option<SystemTime>, u64)>);

impl Look {
    /// Nothing when the directory is not there.
    fn at(directory: &Path) -> Self {
        let Ok(entries) = std::fs::read_dir(directory) else { return Self(Vec::new()) };
        let seen = entries.flatten().take(ENTRY_COUNT_MAX).filter_map(|entry| {
            let metadata = std::fs::metadata(entry.path()).ok()?;
            Some((entry.path(), metadata.modified().ok(), metadata.len()))
        });
        let mut seen: Vec<_> = seen.collect();
        seen.sort();
        Self(seen)
    }
}
