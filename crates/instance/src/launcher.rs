//! Two threads: one starts processes, one sees to it that they are gone.
//!
//! A process dies with the thread that started it, so that none outlives the server; that thread therefore has to live
//! as long as the instances do, which no thread of the asynchronous runtime promises.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use kulkul_sandbox::{BindListener, EndWatch, Launch, LaunchError, Process};
use nix::sys::signal;
use nix::unistd::Pid;
use tokio::sync::oneshot;

use crate::memory;

/// Starts that may wait for their turn; more are refused.
const STARTS_MAX: usize = 1024;
/// Ended instances that may wait for being cleared away. Twice as many as can exist at once, since each is cleared
/// away in milliseconds; whoever finds the queue full clears away by itself.
const REMAINS_MAX: usize = 2048;
/// How long the end of a killed process is waited for.
const DEATH_WAIT: Duration = Duration::from_secs(5);

struct Start {
    launch: Launch,
    directory: Option<InstanceDir>,
    binds: Binds,
    answer: oneshot::Sender<Result<(Guarded, Option<BindListener>), LaunchError>>,
}

/// Whether the kernel asks about the ports that a program wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binds {
    Free,
    Asked,
}

/// What an instance leaves behind.
struct Remains {
    process: Process,
    directory: Option<InstanceDir>,
}

/// Starts processes on a thread of its own.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    starts: SyncSender<Start>,
    undertaker: Undertaker,
}

/// Clears away ended processes and their directories on a thread of its own.
#[derive(Debug, Clone)]
pub(crate) struct Undertaker {
    remains: SyncSender<Remains>,
}

/// A directory that is removed with everything in it when it is dropped.
#[derive(Debug)]
pub(crate) struct InstanceDir {
    path: PathBuf,
}

/// A process that is killed, reaped and cleared away when it is dropped.
#[derive(Debug)]
struct Guarded {
    process: Option<Process>,
    directory: Option<InstanceDir>,
    undertaker: Undertaker,
    reach: Reach,
}

/// How far the end of a process reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The kernel ends all that it started, with its namespace.
    Everything,
    /// The kernel ends its group; whoever left that has to be looked for.
    Group,
}

/// A running process whose end can be waited for. Dropping it kills it and what it started.
#[derive(Debug)]
pub(crate) struct Running {
    guarded: Guarded,
    end: EndWatch,
}

impl Launcher {
    /// Starts both threads; they end when the last handle has been dropped and the queues are empty.
    pub(crate) fn new() -> io::Result<Self> {
        let (remains, ended) = sync_channel(REMAINS_MAX);
        std::thread::Builder::new().name("kulkul-undertaker".into()).spawn(move || clear_away_all(&ended))?;
        let undertaker = Undertaker { remains };
        let (starts, requested) = sync_channel(STARTS_MAX);
        let for_thread = undertaker.clone();
        std::thread::Builder::new()
            .name("kulkul-launcher".into())
            .spawn(move || start_all(&requested, &for_thread))?;
        Ok(Self { starts, undertaker })
    }

    /// Starts a process. Dropping this future ends a process that has been started meanwhile.
    pub(crate) async fn start(
        &self,
        launch: Launch,
        directory: Option<InstanceDir>,
    ) -> Result<Running, LaunchError> {
        self.start_as(launch, directory, Binds::Free).await.map(|(running, _)| running)
    }

    /// Starts a process that asks for its ports; see [`Launch::start_with_binds`].
    pub(crate) async fn start_with_binds(
        &self,
        launch: Launch,
        directory: Option<InstanceDir>,
    ) -> Result<(Running, BindListener), LaunchError> {
        let program = launch.program.to_string_lossy().into_owned();
        let (running, binds) = self.start_as(launch, directory, Binds::Asked).await?;
        let missing = || LaunchError {
            program,
            stage: kulkul_sandbox::Stage::Filter,
            source: io::Error::other("nobody asks for ports"),
        };
        Ok((running, binds.ok_or_else(missing)?))
    }

    async fn start_as(
        &self,
        launch: Launch,
        directory: Option<InstanceDir>,
        binds: Binds,
    ) -> Result<(Running, Option<BindListener>), LaunchError> {
        let program = launch.program.to_string_lossy().into_owned();
        let fail =
            |source| LaunchError { program: program.clone(), stage: kulkul_sandbox::Stage::Clone, source };
        let (answer, answered) = oneshot::channel();
        self.starts
            .try_send(Start { launch, directory, binds, answer })
            .map_err(|_| fail(io::Error::other("too many processes are being started")))?;
        let answer = answered.await.map_err(|_| fail(io::Error::other("the launcher has ended")))?;
        let (guarded, listener) = answer?;
        Ok((Running::new(guarded).map_err(fail)?, listener))
    }

    /// Takes over a process that a helper started.
    pub(crate) fn adopt(
        &self,
        process: Process,
        directory: InstanceDir,
        reach: Reach,
    ) -> io::Result<Running> {
        let undertaker = self.undertaker.clone();
        Running::new(Guarded { process: Some(process), directory: Some(directory), undertaker, reach })
    }
}

impl InstanceDir {
    /// Makes the directory, for this user and group if not for the server's own.
    pub(crate) fn make(path: PathBuf, owner: Option<(u32, u32)>) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        let made = Self { path };
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(&made.path, Some(uid), Some(gid))?;
        }
        Ok(made)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for InstanceDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the directory of an instance");
        }
    }
}

impl Running {
    fn new(guarded: Guarded) -> io::Result<Self> {
        let end = EndWatch::new(guarded.process())?;
        Ok(Self { guarded, end })
    }

    pub(crate) fn process(&self) -> &Process {
        self.guarded.process()
    }

    /// Waits for the end of the process. Cancel-safe.
    pub(crate) async fn ended(&self) {
        self.end.ended().await;
    }
}

impl Guarded {
    fn process(&self) -> &Process {
        self.process.as_ref().expect("only `drop` takes the process")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        // Before it ends: afterwards nobody knows whose children they were.
        let strays = match self.reach {
            Reach::Everything => Vec::new(),
            Reach::Group if process.has_ended() => Vec::new(),
            Reach::Group => memory::descendants(process.pid()),
        };
        process.kill();
        for pid in strays {
            // An error means that it has ended, with the group.
            let _ = signal::kill(Pid::from_raw(pid), signal::SIGKILL);
        }
        let remains = Remains { process, directory: self.directory.take() };
        if let Err(TrySendError::Full(remains) | TrySendError::Disconnected(remains)) =
            self.undertaker.remains.try_send(remains)
        {
            clear_away(remains);
        }
    }
}

fn start_all(requested: &Receiver<Start>, undertaker: &Undertaker) {
    while let Ok(Start { launch, directory, binds, answer }) = requested.recv() {
        if answer.is_closed() {
            continue;
        }
        let reach = if launch.enclosure.is_some() { Reach::Everything } else { Reach::Group };
        let started = match binds {
            Binds::Free => launch.start().map(|process| (process, None)),
            Binds::Asked => launch.start_with_binds().map(|(process, listener)| (process, Some(listener))),
        };
        let started = started.map(|(process, listener)| {
            let undertaker = undertaker.clone();
            (Guarded { process: Some(process), directory, undertaker, reach }, listener)
        });
        // Whoever asked may have gone; then the process ends here, with the answer.
        drop(answer.send(started));
    }
}

fn clear_away_all(ended: &Receiver<Remains>) {
    while let Ok(remains) = ended.recv() {
        clear_away(remains);
    }
}

fn clear_away(remains: Remains) {
    if !remains.process.wait_ended(DEATH_WAIT) {
        tracing::error!(pid = remains.process.pid(), "a killed process has not ended");
    }
    remains.process.reap();
    drop(remains.directory);
}
