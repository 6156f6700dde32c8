//! The functions of this server: what the operations on them need, and how they are restored at start.

use std::path::PathBuf;
use std::sync::Arc;

use kulkul_delivery::Clock;
use kulkul_model::{FunctionName, Identity, Qualifier};
use kulkul_store::{Blobs, Document, Metadata};

use crate::code::{ArchiveLimits, CodeCache, CodeObjects};
use crate::document;
use crate::registry::{Entry, Registry};
use crate::{Function, FunctionError};

mod code;
mod create;
mod delete;
mod list;
#[cfg(test)]
mod tests;
mod update;

pub use code::FunctionCode;
pub use list::FunctionFilter;

/// The limits on functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct FunctionOptions {
    /// On their code.
    pub archive: ArchiveLimits,
}

/// What functions work with.
#[derive(Clone)]
pub struct FunctionsParts {
    /// Whose functions these are.
    pub identity: Identity,
    /// Where they are stored.
    pub metadata: Arc<dyn Metadata>,
    /// Where their code is stored.
    pub blobs: Arc<dyn Blobs>,
    /// Where code that lies in a bucket is read; without it such code is refused.
    pub objects: Option<Arc<dyn CodeObjects>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where code is kept unpacked. Can be deleted at any time.
    pub code_dir: PathBuf,
    /// The limits.
    pub options: FunctionOptions,
}

/// All functions of this server. Shared as an `Arc`.
pub struct Functions {
    pub(crate) parts: FunctionsParts,
    pub(crate) registry: Registry,
    pub(crate) cache: Arc<CodeCache>,
    /// Held by whoever changes a function, from reading the old state to showing the new one; code that nobody
    /// refers to is deleted under it too, so that it cannot get a new user meanwhile.
    pub(crate) control: tokio::sync::Mutex<()>,
}

impl Functions {
    /// Reads all functions. Deletes code that none of them refers to.
    pub async fn open(parts: FunctionsParts) -> Result<Arc<Self>, FunctionError> {
        let (code_dir, limits) = (parts.code_dir.clone(), parts.options.archive);
        let cache = tokio::task::spawn_blocking(move || CodeCache::open(code_dir, limits))
            .await
            .unwrap_or(Err(crate::CodeCacheError::Interrupted))
            .map_err(FunctionError::CodeCache)?;
        let functions = Self {
            registry: Registry::default(),
            cache: Arc::new(cache),
            control: tokio::sync::Mutex::new(()),
            parts,
        };
        for document in functions.documents(document::FUNCTION_PREFIX).await? {
            let function = Arc::new(document::read(&document.key, &document.value)?);
            functions.registry.put(Entry { function, revision: document.revision });
        }
        functions.delete_unused_code().await?;
        Ok(Arc::new(functions))
    }

    /// Whose functions these are.
    pub fn identity(&self) -> &Identity {
        &self.parts.identity
    }

    /// The function that a qualifier chooses.
    pub fn get(&self, name: &FunctionName, qualifier: &Qualifier) -> Result<Arc<Function>, FunctionError> {
        Ok(self.entry(name, qualifier)?.function.clone())
    }

    /// Whether there is a function of that name.
    pub fn exists(&self, name: &FunctionName) -> bool {
        self.registry.get(name).is_some()
    }

    pub(crate) fn entry(
        &self,
        name: &FunctionName,
        qualifier: &Qualifier,
    ) -> Result<Arc<Entry>, FunctionError> {
        let entry = self.registry.get(name).ok_or_else(|| FunctionError::FunctionNotFound(name.clone()))?;
        if qualifier.is_latest() {
            return Ok(entry);
        }
        // Nothing can be published yet. A qualifier of digits can only mean a version.
        let (function, qualifier) = (name.clone(), qualifier.clone());
        Err(match qualifier.as_str().bytes().all(|b| b.is_ascii_digit()) {
            true => FunctionError::VersionNotFound { function, qualifier },
            false => FunctionError::AliasNotFound { function, qualifier },
        })
    }

    /// All documents whose keys start with `prefix`.
    pub(crate) async fn documents(&self, prefix: &str) -> Result<Vec<Document>, FunctionError> {
        const PAGE: usize = 1000;
        let mut all: Vec<Document> = Vec::new();
        loop {
            let after = all.last().map(|document| document.key.clone());
            let page = self.parts.metadata.list(prefix, after.as_ref(), PAGE).await;
            let page = page.map_err(FunctionError::store("read the stored documents"))?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }
}
