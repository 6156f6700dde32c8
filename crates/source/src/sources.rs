//! The registry as a whole: what is shown, and how it changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use kulkul_bus::Hub;
use kulkul_catalog::{AdditionFault, AdditionsError, Catalog, CatalogAdditions, UserDefinedSource};
use kulkul_delivery::Clock;
use kulkul_store::Metadata;
use tokio::sync::watch;

use crate::document::{self, ADDITION_PREFIX, SOURCE_PREFIX};
use crate::{Addition, AdditionName, RegisteredSource, SourceError, SourceName, files};

/// What the registry works with.
#[derive(Clone)]
pub struct SourcesParts {
    /// Where registered sources and additions are stored.
    pub metadata: Arc<dyn Metadata>,
    /// Whose buses sources are registered on.
    pub hub: Arc<Hub>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where users keep additions as files. It need not be there.
    pub directory: PathBuf,
}

/// The registry of event sources. Shared as an `Arc`.
pub struct Sources {
    pub(crate) parts: SourcesParts,
    shown: ArcSwap<Shown>,
    /// Held by whoever changes something, from reading the old state to showing the new one.
    pub(crate) control: tokio::sync::Mutex<()>,
    /// Counts the states that were shown.
    changes: watch::Sender<u64>,
}

/// One state of the registry: what it is made from, and the catalog that follows.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) files: CatalogAdditions,
    /// What is wrong with the files. Then `files` are those of before.
    pub(crate) file_faults: Vec<AdditionFault>,
    pub(crate) additions: BTreeMap<AdditionName, Arc<Addition>>,
    pub(crate) registered: BTreeMap<SourceName, Arc<RegisteredSource>>,
    catalog: Catalog,
}

impl Sources {
    /// Reads what is stored, and the files. Files with errors are reported in the log and left out until they are
    /// right; the server starts without them.
    pub async fn open(parts: SourcesParts) -> Result<Arc<Self>, SourceError> {
        let mut shown = Shown {
            files: CatalogAdditions::default(),
            file_faults: Vec::new(),
            additions: BTreeMap::new(),
            registered: BTreeMap::new(),
            catalog: Catalog::builtin(),
        };
        let registered = parts.metadata.documents(SOURCE_PREFIX).await;
        for stored in registered.map_err(SourceError::store("read the event sources"))? {
            let source = document::read_source(&stored.key, &stored.value)?;
            shown.registered.insert(source.name.clone(), Arc::new(source));
        }
        let additions = parts.metadata.documents(ADDITION_PREFIX).await;
        for stored in additions.map_err(SourceError::store("read catalog additions"))? {
            let (name, form, text) = document::read_addition(&stored.key, &stored.value)?;
            match Addition::parse(&name, form, text) {
                Ok(addition) => drop(shown.additions.insert(name, Arc::new(addition))),
                // What an older version took must not keep the server down.
                Err(error) => tracing::error!(addition = %name, %error, "catalog additions are left out"),
            }
        }
        shown.take_files(files::read(parts.directory.clone()).await);
        shown.rebuild();
        Ok(Arc::new(Self {
            parts,
            shown: ArcSwap::from_pointee(shown),
            control: tokio::sync::Mutex::new(()),
            changes: watch::Sender::new(0),
        }))
    }

    /// All event sources as they are now.
    pub fn catalog(&self) -> Catalog {
        self.shown.load().catalog.clone()
    }

    /// Where users keep additions as files.
    pub fn directory(&self) -> &Path {
        &self.parts.directory
    }

    /// What is wrong with the files of the catalog; empty when they are in force.
    pub fn file_faults(&self) -> Vec<AdditionFault> {
        self.shown.load().file_faults.clone()
    }

    /// Tells of every change of the registry after this call. A runner of producers looks at
    /// [`Sources::registered`] when it starts and after each change, so that one it misses costs nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn shown(&self) -> Arc<Shown> {
        self.shown.load_full()
    }

    /// Makes a new state and shows it. The caller holds `control`.
    pub(crate) fn show(&self, change: impl FnOnce(&mut Shown)) {
        let mut next = Shown::clone(&self.shown.load());
        change(&mut next);
        next.rebuild();
        self.shown.store(Arc::new(next));
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Shown {
    /// Takes what was read, or keeps what there was and remembers why.
    pub(crate) fn take_files(&mut self, read: Result<CatalogAdditions, AdditionsError>) {
        match read {
            Ok(files) => (self.files, self.file_faults) = (files, Vec::new()),
            Err(error) => {
                for fault in &error.faults {
                    tracing::error!(error = %fault, "the files of the catalog are refused; it stays as it was");
                }
                self.file_faults = error.faults;
            }
        }
    }

    /// Files first, then what came by API, so that the API can correct a file; sources of buses last.
    fn rebuild(&mut self) {
        let mut all = self.files.clone();
        for addition in self.additions.values() {
            all.extend(addition.parsed.clone());
        }
        all.extend(CatalogAdditions::registered(self.registered.values().map(|source| UserDefinedSource {
            bus: source.bus.to_string(),
            name: source.name.to_string(),
            description: source.description.clone().filter(|text| !text.is_empty()),
            types: source.kind.event_types().iter().map(|kind| (*kind).to_owned()).collect(),
        })));
        self.catalog = if all.is_empty() { Catalog::builtin() } else { Catalog::builtin().merge(&all) };
    }
}
