//! The functions of this server: what the operations on them need, and how they are restored at start.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Weak};

use kulkul_bus::Hub;
use kulkul_delivery::{Clock, Dispatcher};
use kulkul_instance::{InstanceSpec, Instances, RuntimeChoice};
use kulkul_model::{FunctionName, Identity, Qualifier};
use kulkul_store::{Blobs, Digest, Document, EventLog, Metadata, Traces};

use crate::asynchronous::{AsyncConfigs, TasksInAcceptance};
use crate::code::{ArchiveLimits, CodeCache, CodeObjects};
use crate::document;
use crate::registry::{Entry, Registry};
use crate::{CodeCacheError, CredentialSource, Function, FunctionError, Logs, PayloadLimits};

mod code;
mod create;
mod delete;
mod list;
mod ready;
mod state;
mod update;

pub use code::FunctionCode;
pub use list::FunctionFilter;

/// The limits on functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct FunctionOptions {
    /// On their code.
    pub archive: ArchiveLimits,
    /// On what they are called with.
    pub payload: PayloadLimits,
    /// What the instances do when an exact interpreter is missing; for telling the owner of a function.
    pub runtime_choice: RuntimeChoice,
}

/// What functions work with.
#[derive(Clone)]
pub struct FunctionsParts {
    /// Whose functions these are.
    pub identity: Identity,
    /// Where they are stored.
    pub metadata: Arc<dyn Metadata>,
    /// Where their code is stored; nobody else stores anything there.
    pub blobs: Arc<dyn Blobs>,
    /// Where asynchronous invocations wait.
    pub log: Arc<dyn EventLog>,
    /// Where former asynchronous invocations are looked up.
    pub traces: Arc<dyn Traces>,
    /// Who makes asynchronous invocations.
    pub dispatcher: Dispatcher,
    /// The buses that can be told of their end.
    pub hub: Arc<Hub>,
    /// Who runs functions.
    pub instances: Instances,
    /// What functions logged; also the sink of `instances`.
    pub logs: Arc<Logs>,
    /// Where code that lies in a bucket is read; without it such code is refused.
    pub objects: Option<Arc<dyn CodeObjects>>,
    /// Who gives out credentials; without it functions run without.
    pub credentials: Option<Arc<dyn CredentialSource>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where code is kept unpacked. Can be deleted at any time.
    pub code_dir: PathBuf,
    /// The limits.
    pub options: FunctionOptions,
}

/// All functions of this server. Shared as an `Arc`.
pub struct Functions {
    this: Weak<Self>,
    pub(crate) parts: FunctionsParts,
    pub(crate) registry: Registry,
    pub(crate) async_configs: AsyncConfigs,
    pub(crate) tasks_in_acceptance: TasksInAcceptance,
    pub(crate) cache: Arc<CodeCache>,
    /// What instances were made from, with its code; for knowing which code may be running.
    specs: Mutex<Vec<(Digest, Weak<InstanceSpec>)>>,
    spec_number: AtomicU64,
    /// Held by whoever changes a function, from reading the old state to showing the new one; code that nobody
    /// refers to is deleted under it too, so that it cannot get a new user meanwhile.
    pub(crate) control: tokio::sync::Mutex<()>,
}

impl Functions {
    /// Reads all functions, and registers their queues with the dispatcher, which must not have been started yet.
    /// Deletes what belongs to functions that are gone.
    pub async fn open(parts: FunctionsParts) -> Result<Arc<Self>, FunctionError> {
        let (code_dir, limits) = (parts.code_dir.clone(), parts.options.archive);
        let cache = tokio::task::spawn_blocking(move || CodeCache::open(code_dir, limits)).await;
        let cache = cache.unwrap_or(Err(CodeCacheError::Interrupted)).map_err(FunctionError::CodeCache)?;
        let functions = Arc::new_cyclic(|this| Self {
            this: this.clone(),
            registry: Registry::default(),
            async_configs: AsyncConfigs::default(),
            tasks_in_acceptance: TasksInAcceptance::default(),
            cache: Arc::new(cache),
            specs: Mutex::default(),
            spec_number: AtomicU64::new(0),
            control: tokio::sync::Mutex::new(()),
            parts,
        });
        for document in functions.documents(document::FUNCTION_PREFIX).await? {
            let function = Arc::new(document::read(&document.key, &document.value)?);
            functions.registry.put(Entry::new(function, document.revision));
        }
        functions.restore_async_configs().await?;
        functions.restore_queues().await?;
        functions.delete_unused_code().await?;
        Ok(functions)
    }

    /// The handle that is shared.
    pub(crate) fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("whoever calls a method holds it")
    }

    /// Whose functions these are.
    pub fn identity(&self) -> &Identity {
        &self.parts.identity
    }

    /// Who runs them.
    pub fn instances(&self) -> &Instances {
        &self.parts.instances
    }

    /// What they logged.
    pub fn logs(&self) -> &Logs {
        &self.parts.logs
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
        let all = self.parts.metadata.documents(prefix).await;
        all.map_err(FunctionError::store("read the stored documents"))
    }
}
