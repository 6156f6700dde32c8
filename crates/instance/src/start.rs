//! Starting instances.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use kulkul_model::RequestId;
use kulkul_sandbox::{Access, Bind, Launch, LaunchError, Limits, Process, Stage};
use tokio::sync::OnceCell;

use crate::builtin::{Builtin, Exchanged};
use crate::call::{Call, FunctionError, FunctionErrorKind, InstanceId, LogTail, MemoryUse};
use crate::config::InstancesConfig;
use crate::connection::Connection;
use crate::custom::Custom;
use crate::document::{ForkEnclosure, StartDocument};
use crate::environment::{Places, environment};
use crate::error::InvokeError;
use crate::frame::{self, Reply, ReplyBody};
use crate::http_link::HttpLink;
use crate::interpreter::{Fit, Interpreters};
use crate::isolation::{HOST_INSIDE, Isolation, SHIMS_INSIDE};
use crate::launcher::{InstanceDir, Launcher, Running};
use crate::log::LogSink;
use crate::memory::{MemoryWatch, Vitals};
use crate::output::{Log, Output, OutputState};
use crate::report;
use crate::runtime::Runtime;
use crate::spec::InstanceSpec;
use crate::zygote::Zygote;

/// Wait between two attempts to reach the port of a program that is starting: doubled up to the second.
const CONNECT_WAITS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

/// How long the end of a zygote that no longer answers is waited for.
const ZYGOTE_DEATH_WAIT: Duration = Duration::from_millis(500);

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
    shims: Shims,
}

/// Where the shims lie.
struct Shims {
    directory: PathBuf,
}

const PYTHON_SHIM: &str = "kulkul_runtime.py";
const NODE_SHIM: &str = "kulkul_runtime.cjs";

impl Shims {
    /// The path of a shim, as an instance sees it.
    fn path(&self, name: &str, isolation: &Isolation) -> PathBuf {
        match isolation.encloses() {
            true => Path::new(SHIMS_INSIDE).join(name),
            false => self.directory.join(name),
        }
    }

    fn bind(&self) -> Bind {
        read_only(&self.directory, SHIMS_INSIDE)
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
    pub(crate) fn new(config: InstancesConfig, sink: Arc<dyn LogSink>) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
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
        match spec.runtime {
            Runtime::Python { .. } | Runtime::Node { .. } => {
                let builtin = self.start_builtin(spec, id, &call.request_id, isolation, log).await?;
                Ok(Body::Builtin(Box::new(builtin)))
            }
            Runtime::Custom(_) => {
                let custom = self.start_custom(spec, id, &call.request_id, isolation, log).await?;
                Ok(Body::Custom(Arc::new(custom)))
            }
            Runtime::NotOffered(_) => Err(InvokeError::RuntimeNotOffered { runtime: spec.runtime }.into()),
        }
    }

    async fn start_builtin(
        &self,
        spec: &InstanceSpec,
        id: &InstanceId,
        request_id: &RequestId,
        isolation: &Isolation,
        mut log: Log,
    ) -> Result<Builtin, StartError> {
        let interpreters = self.interpreters().await;
        let choice = interpreters.choose(spec.runtime, self.config.runtime_choice).ok_or_else(|| {
            InvokeError::InterpreterMissing { runtime: spec.runtime, hint: interpreters.hint(spec.runtime) }
        })?;
        let directory = self.instance_dir(id, isolation)?;
        let places = places(spec, &directory, isolation);
        let environment = environment(spec, id, &places, None);
        let mut document = StartDocument::new(spec, &environment, &places, self.config.response_bytes_max);
        let (mut connection, connection_end) = Connection::pair(self.config.response_bytes_max)
            .map_err(InvokeError::machine("making a socket"))?;
        let (output, output_end) =
            Output::pipe(isolation.owner()).map_err(InvokeError::machine("making a pipe"))?;
        let running = match spec.runtime {
            Runtime::Python { .. } => {
                let ends = [&connection_end, &output_end];
                self.fork(&choice.executable, &mut document, ends, directory, spec, isolation).await?
            }
            _ => {
                let body = serde_json::to_vec(&document).map_err(io::Error::other);
                let body = body.map_err(InvokeError::machine("writing the start document"))?;
                frame::put_frame(connection.outgoing(), frame::START, &body);
                let mut binds = binds(spec, &directory);
                binds.push(self.shims.bind());
                let enclosure = isolation.enclosure(&self.mount_point, Some(&choice.executable), binds);
                let launch = Launch {
                    program: choice.executable.into(),
                    arguments: vec![self.shims.path(NODE_SHIM, isolation).into()],
                    environment: pairs(&environment),
                    directory: places.code.clone().into(),
                    output: output_end,
                    passed: vec![connection_end],
                    limits: self.limits(),
                    enclosure,
                    filter: isolation.filter(),
                };
                self.launcher.start(launch, Some(directory)).await.map_err(launch_error)?
            }
        };
        let stand_in = match choice.fit {
            Fit::Exact => String::new(),
            Fit::Newer | Fit::Older => format!(" It runs on {}, the nearest version here.", choice.version),
        };
        log.marker(request_id, &format!("FunctionCompute {} runtime inited.{stand_in}", spec.runtime));
        let vitals = self.watch(&running, spec)?;
        let mut builtin = Builtin { connection, output, log, running, vitals, in_flight: None };
        // Sends what was put into the connection above, if anything.
        match builtin.exchange(&Bytes::new(), self.config.start_timeout).await {
            Exchanged::Reply(Reply { body: ReplyBody::Ready, .. }) => {}
            Exchanged::Reply(Reply { body: ReplyBody::Error { report, .. }, .. }) => {
                let error = FunctionError { kind: FunctionErrorKind::Unhandled, report };
                let end = report::end_line(request_id, Some(crate::builtin::UNHANDLED));
                builtin.log.marker(request_id, &end);
                return Err(builtin.start_failed(error, request_id));
            }
            Exchanged::Reply(_) => {
                return Err(InvokeError::BadResponse { reason: "not ready".into() }.into());
            }
            Exchanged::Died => {
                let text = report::died(Duration::ZERO, builtin.vitals.peak());
                let error =
                    FunctionError { kind: FunctionErrorKind::Unhandled, report: report::message(&text) };
                builtin.log.marker(request_id, &report::end_line(request_id, Some(&text)));
                return Err(builtin.start_failed(error, request_id));
            }
            Exchanged::TimedOut => {
                return Err(InvokeError::NotStarted { limit: self.config.start_timeout }.into());
            }
            Exchanged::Nonsense(reason) => return Err(InvokeError::BadResponse { reason }.into()),
        }
        if let Some(hook) = &spec.initializer
            && let Err(error) = builtin.initialize(hook, request_id).await
        {
            return Err(builtin.start_failed(error, request_id));
        }
        Ok(builtin)
    }

    /// Forks an instance from the interpreter's zygote, which is started when there is none.
    async fn fork(
        &self,
        interpreter: &Path,
        document: &mut StartDocument<'_>,
        ends: [&std::os::fd::OwnedFd; 2],
        directory: InstanceDir,
        spec: &InstanceSpec,
        isolation: &Isolation,
    ) -> Result<Running, InvokeError> {
        document.forbidden = isolation.filter().map(|filter| BASE64.encode(filter.bytes()));
        document.enclosure =
            isolation.encloses().then(|| fork_enclosure(&binds(spec, &directory), isolation));
        let cell = {
            let mut zygotes = self.zygotes.lock().unwrap_or_else(PoisonError::into_inner);
            zygotes.entry(interpreter.to_owned()).or_default().clone()
        };
        let mut cell = cell.lock().await;
        if let Some(zygote) = cell.as_mut().filter(|zygote| zygote.is_alive()) {
            match zygote.fork(document, ends).await {
                Ok(process) => return self.adopt(process, directory),
                // It may have died a moment ago. As long as it lives it is not replaced: its instances would die too.
                Err(_) if zygote.dies_within(ZYGOTE_DEATH_WAIT).await => {}
                Err(error) => return Err(InvokeError::machine("forking the interpreter")(error)),
            }
        }
        let zygote = cell.insert(self.start_zygote(interpreter, isolation).await?);
        let forked = zygote.fork(document, ends).await;
        self.adopt(forked.map_err(InvokeError::machine("forking the interpreter"))?, directory)
    }

    fn adopt(&self, process: Process, directory: InstanceDir) -> Result<Running, InvokeError> {
        self.launcher.adopt(process, Some(directory)).map_err(InvokeError::machine("watching the process"))
    }

    async fn start_zygote(&self, interpreter: &Path, isolation: &Isolation) -> Result<Zygote, InvokeError> {
        let shim = self.shims.path(PYTHON_SHIM, isolation);
        let enclosure = isolation.zygote_enclosure(&self.mount_point, interpreter, vec![self.shims.bind()]);
        Zygote::start(&self.launcher, interpreter, &shim, self.limits(), enclosure).await
    }

    async fn start_custom(
        &self,
        spec: &InstanceSpec,
        id: &InstanceId,
        request_id: &RequestId,
        isolation: &Isolation,
        mut log: Log,
    ) -> Result<Custom, StartError> {
        let directory = self.instance_dir(id, isolation)?;
        let places = places(spec, &directory, isolation);
        let port = free_port().map_err(InvokeError::machine("finding a free port"))?;
        let environment = environment(spec, id, &places, Some(port));
        let (mut output, output_end) =
            Output::pipe(isolation.owner()).map_err(InvokeError::machine("making a pipe"))?;
        let bootstrap = format!("{}/bootstrap", places.code);
        let (program, arguments) = match &spec.custom.command[..] {
            [] => (bootstrap, &[][..]),
            [program, arguments @ ..] => (program.clone(), arguments),
        };
        let launch = Launch {
            program: program.into(),
            arguments: arguments.iter().chain(&spec.custom.arguments).map(Into::into).collect(),
            environment: pairs(&environment),
            directory: places.code.clone().into(),
            output: output_end,
            passed: Vec::new(),
            limits: self.limits(),
            enclosure: isolation.enclosure(&self.mount_point, None, binds(spec, &directory)),
            filter: isolation.filter(),
        };
        let running = self.launcher.start(launch, Some(directory)).await.map_err(launch_error)?;
        let ready = wait_for_port(port, &running, &mut output, &mut log, self.config.start_timeout).await;
        if let Err(error) = ready {
            log.marker(request_id, &report::end_line(request_id, Some(&error.to_string())));
            return Err(error.into());
        }
        log.marker(request_id, &format!("FunctionCompute {} runtime inited.", spec.runtime));
        let vitals = self.watch(&running, spec)?;
        let custom = Custom::new(spec, port, running, vitals, output, log, self.config.response_bytes_max);
        if let Some(hook) = &spec.initializer
            && let Err(error) = custom.initialize(hook, request_id).await
        {
            let (memory, log_tail) = (custom.memory(), custom.end_log(request_id));
            return Err(StartError::Function { error, memory, log_tail });
        }
        Ok(custom)
    }

    fn watch(&self, running: &Running, spec: &InstanceSpec) -> Result<Arc<Vitals>, InvokeError> {
        let watched = self.memory.watch(running.process(), spec.memory_mib);
        watched.map_err(InvokeError::machine("watching the memory of a process"))
    }

    fn instance_dir(&self, id: &InstanceId, isolation: &Isolation) -> Result<InstanceDir, InvokeError> {
        let path = self.config.run_dir.join(id.as_str());
        InstanceDir::make(path, isolation.owner())
            .map_err(InvokeError::machine("making the directory of an instance"))
    }

    fn limits(&self) -> Limits {
        Limits { open_files_max: self.config.open_files_max }
    }
}

impl Builtin {
    fn start_failed(mut self, error: FunctionError, request_id: &RequestId) -> StartError {
        StartError::Function { error, memory: self.vitals.peak(), log_tail: self.log.end(request_id) }
    }
}

/// Where an instance finds its things.
fn places(spec: &InstanceSpec, directory: &InstanceDir, isolation: &Isolation) -> Places {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    if isolation.encloses() {
        let layers = spec.layers_dir.as_ref().map(|_| "/opt".to_owned());
        return Places { code: "/code".into(), layers, temporary: "/tmp".into() };
    }
    Places {
        code: text(&spec.code_dir),
        layers: spec.layers_dir.as_deref().map(text),
        temporary: text(directory.path()),
    }
}

/// The directories that an enclosed instance sees in places of their own.
fn binds(spec: &InstanceSpec, directory: &InstanceDir) -> Vec<Bind> {
    let code = read_only(&spec.code_dir, "/code");
    let layers = spec.layers_dir.as_deref().map(|layers| read_only(layers, "/opt"));
    let temporary = Bind { access: Access::ReadWrite, ..read_only(directory.path(), "/tmp") };
    [code, temporary].into_iter().chain(layers).collect()
}

fn read_only(source: &Path, target: &str) -> Bind {
    Bind { source: source.to_owned(), target: target.into(), access: Access::ReadOnly }
}

fn fork_enclosure(binds: &[Bind], isolation: &Isolation) -> ForkEnclosure {
    let each = |bind: &Bind| {
        let source = format!("{HOST_INSIDE}{}", bind.source.display());
        (source, bind.target.to_string_lossy().into_owned(), bind.access == Access::ReadWrite)
    };
    ForkEnclosure { binds: binds.iter().map(each).collect(), host: HOST_INSIDE, user: isolation.owner() }
}

/// Waits until the program takes connections, logging what it prints meanwhile.
async fn wait_for_port(
    port: u16,
    running: &Running,
    output: &mut Output,
    log: &mut Log,
    limit: Duration,
) -> Result<(), InvokeError> {
    let started = Instant::now();
    let deadline = tokio::time::sleep(limit);
    let reached = async {
        let [mut wait, wait_max] = CONNECT_WAITS;
        while HttpLink::connect(port).await.is_err() {
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(wait_max);
        }
    };
    tokio::pin!(deadline, reached);
    let mut silent = false;
    loop {
        tokio::select! {
            biased;
            () = &mut reached => {
                tracing::debug!(port, elapsed_ms = started.elapsed().as_millis() as u64, "a program takes connections");
                return Ok(());
            }
            () = running.ended() => {
                while output.drain(log) == OutputState::More {}
                output.finish_line(log);
                let printed = log.tail().map(|tail| tail.trim_end().to_owned()).unwrap_or_default();
                let printed = if printed.is_empty() { printed } else { format!(": {printed}") };
                return Err(InvokeError::Exited { exit: running.process().exit(), output: printed });
            }
            () = &mut deadline => return Err(InvokeError::NotStarted { limit }),
            () = output.readable(), if !silent => silent = output.drain(log) == OutputState::Closed,
        }
    }
}

/// A port that nobody listens on now.
///
/// Somebody may take it before the program does; then the program ends or answers for another, which the check of the
/// owner of the port notices.
fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn pairs(
    environment: &std::collections::BTreeMap<String, String>,
) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
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
