//! Starting instances.

mod builtin;
mod custom;
mod places;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kulkul_model::{RequestId, Runtime};
use kulkul_sandbox::{LaunchError, Limits, Stage};
use tokio::sync::OnceCell;

use self::custom::FixedPorts;
pub(crate) use self::custom::HeldPort;
use self::places::{NODE_SHIM, PYTHON_SHIM, Shims};
use crate::builtin::Builtin;
use crate::call::{Call, FunctionError, InstanceId, LogTail, MemoryUse};
use crate::config::InstancesConfig;
use crate::custom::Custom;
use crate::environment::Places;
use crate::error::InvokeError;
use crate::interpreter::Interpreters;
use crate::isolation::Isolation;
use crate::launcher::{InstanceDir, Launcher, Running};
use crate::log::LogSink;
use crate::memory::{MemoryWatch, Vitals};
use crate::output::Log;
use crate::spec::InstanceSpec;
use crate::zygote::Zygote;

/// Starts instances of every runtime.
pub(crate) struct Starter {
    config: InstancesConfig,
    sink: Arc<dyn LogSink>,
    launcher: Launcher,
    memory: Arc<MemoryWatch>,
    interpreters: OnceCell<Interpreters>,
    isolation: OnceCell<Isolation>,
    /// Where enclosures are built, each in a namespace of its own.
    mount_point: PathBuf,
    /// One per interpreter, started when it is first needed.
    zygotes: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<Option<Zygote>>>>>,
    fixed_ports: FixedPorts,
    shims: Shims,
}

/// An instance to be started.
struct Order<'a> {
    spec: &'a InstanceSpec,
    id: &'a InstanceId,
    /// The invocation that waits for it.
    request_id: &'a RequestId,
    isolation: &'a Isolation,
}

impl Order<'_> {
    fn places(&self, directory: &InstanceDir) -> Places {
        places::places(self.spec, directory, self.isolation)
    }
}

/// A started instance.
pub(crate) enum Body {
    /// Of a built-in runtime.
    Builtin(Box<Builtin>),
    /// Of a custom runtime.
    Custom(Arc<Custom>),
}

/// An instance could not be started.
pub(crate) enum StartError {
    /// It is not the function's fault, or not its code's.
    Platform(InvokeError),
    /// The function's code failed while it was loaded or initialised.
    Function { error: FunctionError, memory: MemoryUse, log_tail: Option<String> },
}

impl From<InvokeError> for StartError {
    fn from(error: InvokeError) -> Self {
        StartError::Platform(error)
    }
}

impl Starter {
    /// Prepares the directory and writes the shims into it.
    pub(crate) fn new(mut config: InstancesConfig, sink: Arc<dyn LogSink>) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        config.run_dir = std::path::absolute(&config.run_dir)?;
        // What an earlier server left behind.
        match std::fs::remove_dir_all(&config.run_dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::DirBuilder::new().recursive(true).mode(0o711).create(&config.run_dir)?,
        }
        let (shims, mount_point) =
            (Shims { directory: config.run_dir.join("shims") }, config.run_dir.join("root"));
        std::fs::create_dir(&shims.directory)?;
        std::fs::create_dir(&mount_point)?;
        let python = include_str!("../../../runtimes/python/kulkul_runtime.py");
        std::fs::write(shims.directory.join(PYTHON_SHIM), python)?;
        let node = include_str!("../../../runtimes/node/kulkul_runtime.cjs");
        std::fs::write(shims.directory.join(NODE_SHIM), node)?;
        let (launcher, memory) = (Launcher::new()?, MemoryWatch::start()?);
        Ok(Self {
            config,
            sink,
            launcher,
            memory,
            interpreters: OnceCell::new(),
            isolation: OnceCell::new(),
            mount_point,
            zygotes: Mutex::default(),
            fixed_ports: FixedPorts::default(),
            shims,
        })
    }

    /// The interpreters of this machine; looked for once.
    pub(crate) async fn interpreters(&self) -> &Interpreters {
        let first = self.config.interpreters.clone();
        let discover = || async move {
            tokio::task::spawn_blocking(move || Interpreters::discover(&first)).await.unwrap_or_default()
        };
        self.interpreters.get_or_init(discover).await
    }

    /// The layers of isolation that are in force; tried out once.
    pub(crate) async fn isolation(&self) -> Result<&Isolation, InvokeError> {
        let (config, mount_point) = (self.config.isolation.clone(), self.mount_point.clone());
        let probe = || async move {
            let probe = move || Isolation::probe(&config, &mount_point);
            tokio::task::spawn_blocking(probe).await.map_err(io::Error::other)
        };
        let probed = self.isolation.get_or_try_init(probe).await;
        probed.map_err(InvokeError::machine("trying out the isolation"))
    }

    /// Starts an instance and runs its initializer; `call` is the invocation that waits for it.
    pub(crate) async fn start(
        &self,
        spec: &InstanceSpec,
        id: &InstanceId,
        call: &Call,
    ) -> Result<Body, StartError> {
        let mut log = Log::new(self.sink.clone(), spec.function.clone(), id.clone());
        // The tail is for the message of a failed start, even if the caller does not want it.
        log.begin(&call.request_id, LogTail::Tail);
        let isolation = self.isolation().await?;
        if let Some(state) = isolation.violated() {
            let reason = state.missing.clone().unwrap_or_default();
            return Err(InvokeError::IsolationMissing { layer: state.layer, reason }.into());
        }
        let order = Order { spec, id, request_id: &call.request_id, isolation };
        match spec.runtime {
            Runtime::Python { .. } | Runtime::Node { .. } => {
                Ok(Body::Builtin(Box::new(self.start_builtin(&order, log).await?)))
            }
            Runtime::Custom(_) => Ok(Body::Custom(Arc::new(self.start_custom(&order, log).await?))),
            Runtime::NotOffered(_) => Err(InvokeError::RuntimeNotOffered { runtime: spec.runtime }.into()),
        }
    }

    fn watch(&self, running: &Running, spec: &InstanceSpec) -> Result<Arc<Vitals>, InvokeError> {
        let watched = self.memory.watch(running.process(), spec.memory_mib);
        watched.map_err(InvokeError::machine("watching the memory of a process"))
    }

    fn instance_dir(&self, order: &Order<'_>) -> Result<InstanceDir, InvokeError> {
        let path = self.config.run_dir.join(order.id.as_str());
        InstanceDir::make(path, order.isolation.owner())
            .map_err(InvokeError::machine("making the directory of an instance"))
    }

    /// Rules about the files that an instance may reach, where it has no namespaces.
    fn file_rules(
        &self,
        order: &Order<'_>,
        interpreter: Option<&Path>,
        directory: &InstanceDir,
    ) -> Result<Option<OwnedFd>, InvokeError> {
        let code = order.spec.code_dir.as_path();
        let readable: Vec<&Path> =
            [code, &self.shims.directory].into_iter().chain(order.spec.layers_dir.as_deref()).collect();
        let rules = order.isolation.file_rules(interpreter, &readable, directory.path());
        rules.map_err(InvokeError::machine("making rules about files"))
    }

    fn limits(&self) -> Limits {
        Limits { open_files_max: self.config.open_files_max }
    }
}

fn pairs(environment: &BTreeMap<String, String>) -> Vec<(OsString, OsString)> {
    environment.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Why a program could not be started, in the terms of the API.
pub(crate) fn launch_error(error: LaunchError) -> InvokeError {
    use nix::libc::{EACCES, ELOOP, ENOENT, ENOEXEC, ENOTDIR, EPERM};
    let program = error.program.clone();
    match (error.stage, error.source.raw_os_error()) {
        (Stage::Execute, Some(ENOENT | ENOTDIR | ELOOP)) => InvokeError::StartFileMissing { program },
        (Stage::Execute, Some(EACCES | EPERM | ENOEXEC)) => InvokeError::StartFileNotExecutable { program },
        _ => InvokeError::Machine { action: "starting a process", source: error.source },
    }
}
