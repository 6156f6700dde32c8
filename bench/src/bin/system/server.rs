//! The program under test as a child process, on free ports and with a data directory of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kulkul_client::{Client, Key};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long a start or a stop may take.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How often the server is looked at while it starts.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// How much of the log an error shows.
const LOG_LINES: usize = 50;

/// A running server. It is stopped, and its data are deleted, when this is dropped.
pub(crate) struct Server {
    child: Child,
    home: tempfile::TempDir,
    key: Key,
    /// Where the API is.
    pub(crate) api: SocketAddr,
    /// Where the buckets are.
    pub(crate) objects: SocketAddr,
    /// From starting the process to the first good answer of `/healthz`.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts `binary` on a new data directory under `disk`, and returns when it accepts events.
    pub(crate) fn start(binary: &Path, disk: &Path) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("kulkul-bench-").tempdir_in(disk)?;
        let key =
            Key { id: "LTAIbenchadminkey00000001".into(), secret: "benchAdminSecret00000000000001".into() };
        let log = File::create(home.path().join("server.log"))?;
        let any = "127.0.0.1:0";
        let data_dir = home.path().join("data");
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", any, "--objects-listen", any, "--data-dir"])
            .arg(&data_dir)
            .env("KULKUL_ACCESS_KEY_ID", &key.id)
            .env("KULKUL_ACCESS_KEY_SECRET", &key.secret)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server =
            Self { child, home, key, api: nowhere, objects: nowhere, ready_after: Duration::ZERO };
        while !server.is_ready(&data_dir.join("addresses.json"))? {
            if began.elapsed() > WAIT_MAX {
                bail!("the server was not ready within {WAIT_MAX:?}\n{}", server.log());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        server.ready_after = began.elapsed();
        Ok(server)
    }

    /// A client with the key of the server's owner.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.api, self.objects, self.key.clone())
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A folder on the same disk that is deleted with the server.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The end of what the server has logged: it may have told of a thousand rules before.
    pub(crate) fn log(&self) -> String {
        let path = self.home.path().join("server.log");
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
            }
            Err(error) => format!("{}: {error}", path.display()),
        }
    }

    fn is_ready(&mut self, addresses: &Path) -> anyhow::Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended with {status}\n{}", self.log());
        }
        if self.api.port() == 0 {
            // It may not be there yet, or not be whole.
            let text = std::fs::read_to_string(addresses).unwrap_or_default();
            let Ok(addresses) = serde_json::from_str::<Value>(&text) else { return Ok(false) };
            let address = |name: &str| -> anyhow::Result<SocketAddr> {
                Ok(addresses[name].as_str().with_context(|| format!("no `{name}` in {text}"))?.parse()?)
            };
            self.api = address("listen")?;
            self.objects = address("objects_listen")?;
        }
        Ok(is_healthy(self.api).unwrap_or(false))
    }

    fn stop(&mut self) {
        // By the id of a child that has not been waited for: it is nobody else's.
        let pid = Pid::from_raw(self.child.id().cast_signed());
        if matches!(self.child.try_wait(), Ok(Some(_))) || kill(pid, Signal::SIGTERM).is_err() {
            return;
        }
        let began = Instant::now();
        while began.elapsed() < WAIT_MAX {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        // It had its chance; whether this works is seen by the wait.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_healthy(api: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(api)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"HTTP/1.1 200")
}

/// A folder on a real disk for the data of servers: beside the program, unless that is in memory.
pub(crate) fn disk() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let dir = program.parent().context("the program is in no folder")?.to_owned();
    let kind = nix::sys::statfs::statfs(&dir)?.filesystem_type();
    if kind == nix::sys::statfs::TMPFS_MAGIC {
        bail!("{} is in memory, where nothing is durable; set CARGO_TARGET_DIR to a disk", dir.display());
    }
    Ok(dir)
}

/// Builds the release binary and says where it is.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built =
        Command::new(cargo).args(["build", "--release", "--quiet", "--package", "kulkul"]).status()?;
    if !built.success() {
        bail!("cannot build the server");
    }
    let program = std::env::current_exe()?;
    Ok(program.with_file_name("kulkul"))
}
