//! A bare round trip of frames to a Python handler: the least that calling it can cost.
//!
//! The handler runs under the very shim that the server uses, in a process of its own; between it and us is nothing
//! but a socket.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::BytesMut;
use kulkul_instance::frame::{self, ReplyBody};
use serde_json::json;

use crate::samples::Samples;

/// The shim, as it is built into the server.
const SHIM: &str = include_str!("../../../../runtimes/python/kulkul_runtime.py");
/// Connects the shim to us instead of to a zygote.
const MAIN: &str = "import json, socket, sys
sys.path.insert(0, sys.argv[1])
import kulkul_runtime as shim
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1] + '/socket')
shim.Instance(shim.Connection(sock), json.loads(sys.argv[2])).run()
";
const REPLY_BYTES_MAX: usize = 1 << 20;
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// The kind of a frame that asks for a call.
const INVOKE: u8 = 0x01;

/// A handler behind a socket. Its process ends with this.
pub(crate) struct Handler {
    child: Child,
    stream: UnixStream,
    received: BytesMut,
}

impl Handler {
    /// Starts `interpreter` with a module of this code, in `dir`.
    pub(crate) fn start(interpreter: &Path, dir: &Path, code: &str) -> anyhow::Result<Self> {
        std::fs::write(dir.join("kulkul_runtime.py"), SHIM)?;
        std::fs::write(dir.join("index.py"), code)?;
        let listener = UnixListener::bind(dir.join("socket"))?;
        let given = json!({
            "handler": "index.handler",
            "responseBytesMax": REPLY_BYTES_MAX,
            "context": {
                "name": "bare", "handler": "index.handler", "memory": 512, "timeout": 30, "versionId": "LATEST",
                "logProject": "", "logStore": "", "region": "cn-hangzhou", "accountId": "1000000000000001",
                "credentials": {},
            },
        });
        let mut command = Command::new(interpreter);
        command.args(["-B", "-X", "utf8", "-c", MAIN]).arg(dir).arg(given.to_string());
        let child = command.spawn().with_context(|| format!("cannot start {}", interpreter.display()))?;
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        let mut handler = Self { child, stream, received: BytesMut::new() };
        match handler.reply()? {
            ReplyBody::Ready => Ok(handler),
            other => bail!("the handler is not ready: {other:?}"),
        }
    }

    /// Calls the handler again and again.
    pub(crate) fn call(&mut self, payload: &[u8], count: usize) -> anyhow::Result<Samples> {
        let meta = b"1-69220000-0123456789abcdef01234567\nLATEST\n0";
        let mut request = Vec::new();
        request.extend_from_slice(&u32::try_from(1 + 2 + meta.len() + payload.len())?.to_le_bytes());
        request.push(INVOKE);
        request.extend_from_slice(&u16::try_from(meta.len())?.to_le_bytes());
        request.extend_from_slice(meta);
        request.extend_from_slice(payload);
        let mut latencies = Vec::with_capacity(count);
        for _ in 0..count {
            let since = Instant::now();
            self.stream.write_all(&request)?;
            match self.reply()? {
                ReplyBody::Result(result) if result == payload => latencies.push(since.elapsed()),
                other => bail!("the handler did not return what it was given: {other:?}"),
            }
        }
        Ok(Samples::new(latencies))
    }

    fn reply(&mut self) -> anyhow::Result<ReplyBody> {
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some((kind, body)) = frame::take_frame(&mut self.received, REPLY_BYTES_MAX)? {
                return Ok(frame::parse_reply(kind, body)?.body);
            }
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                bail!("the handler's process has ended");
            }
            self.received.extend_from_slice(&buffer[..count]);
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // It has nothing to lose, and was not waited for: the id is its own.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
