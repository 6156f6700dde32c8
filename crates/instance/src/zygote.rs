//! A warmed interpreter that instances are forked from.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;
use kulkul_sandbox::{Enclosure, Launch, Limits, Process, receive_with_descriptors, send_with_descriptors};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::error::InvokeError;
use crate::frame::{self, ZygoteReply};
use crate::launcher::{Launcher, Running};
use crate::output::Output;

/// Time that a zygote has to load, and to answer a request.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 4096;

/// One zygote process. Dropping it ends it and every instance that was forked from it.
#[derive(Debug)]
pub(crate) struct Zygote {
    running: Running,
    control: UnixStream,
    incoming: BytesMut,
    /// Descriptors that came with the frames in `incoming`.
    descriptors: Vec<OwnedFd>,
    sequence: u64,
    /// Whether a request may have been sent in part.
    out_of_step: bool,
}

impl Zygote {
    /// Starts the interpreter with the shim, and waits until it has loaded.
    pub(crate) async fn start(
        launcher: &Launcher,
        interpreter: &Path,
        shim: &Path,
        limits: Limits,
        enclosure: Option<Enclosure>,
    ) -> Result<Self, InvokeError> {
        let (ours, theirs) =
            std::os::unix::net::UnixStream::pair().map_err(InvokeError::machine("making a socket"))?;
        ours.set_nonblocking(true).map_err(InvokeError::machine("making a socket"))?;
        let control = UnixStream::from_std(ours).map_err(InvokeError::machine("making a socket"))?;
        let (mut output, output_end) = Output::pipe(None).map_err(InvokeError::machine("making a pipe"))?;
        // Neither write next to modules, nor read variables and directories of the user.
        let arguments = ["-B", "-X", "utf8", "-s", "-E"];
        let mode = enclosure.is_some().then(|| OsString::from("enclosed"));
        let launch = Launch {
            program: interpreter.into(),
            arguments: arguments.into_iter().map(OsString::from).chain([shim.into()]).chain(mode).collect(),
            // The path of the dynamic linker is read once, so that it has to be here already.
            environment: [
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("LANG", "C.UTF-8"),
                ("LD_LIBRARY_PATH", if enclosure.is_some() { "/code:/code/lib:/opt/lib" } else { "" }),
            ]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
            directory: "/".into(),
            output: output_end,
            passed: vec![theirs.into()],
            limits,
            enclosure,
            file_rules: None,
            filter: None,
        };
        let running = launcher.start(launch, None).await.map_err(crate::start::launch_error)?;
        let (incoming, descriptors) = (BytesMut::new(), Vec::new());
        let mut zygote = Self { running, control, incoming, descriptors, sequence: 0, out_of_step: false };
        match zygote.answer().await {
            Ok((ZygoteReply::Ready, _)) => Ok(zygote),
            Ok(_) => Err(InvokeError::BadResponse { reason: "the zygote spoke out of turn".into() }),
            Err(source) => {
                let printed = output.last_words();
                tracing::error!(interpreter = %interpreter.display(), error = %source, output = printed, "the zygote did not start");
                Err(InvokeError::machine("starting the interpreter")(source))
            }
        }
    }

    /// Whether the process is still there.
    pub(crate) fn is_alive(&self) -> bool {
        !self.out_of_step && !self.running.process().has_ended()
    }

    /// Waits for the end of the process; returns whether it came.
    pub(crate) async fn dies_within(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.running.ended()).await.is_ok()
    }

    /// Forks an instance that becomes what `document` says.
    ///
    /// Dropping the future half-way leaves an answer behind, which the next call recognises by its number; the
    /// instance nobody waits for ends by itself, since its connection is closed.
    pub(crate) async fn fork(
        &mut self,
        document: &mut crate::document::StartDocument<'_>,
        descriptors: &[OwnedFd],
    ) -> io::Result<Process> {
        self.sequence += 1;
        document.sequence = self.sequence;
        let mut request = BytesMut::new();
        frame::put_frame(&mut request, frame::FORK, &serde_json::to_vec(document).map_err(io::Error::other)?);
        self.out_of_step = true;
        self.send(&request, &descriptors.iter().map(AsFd::as_fd).collect::<Vec<_>>()).await?;
        self.out_of_step = false;
        loop {
            match self.answer().await? {
                (ZygoteReply::Forked(sequence), Some(pidfd)) if sequence == self.sequence => {
                    return Process::from_pidfd(pidfd);
                }
                (ZygoteReply::Failed(sequence, reason), _) if sequence == self.sequence => {
                    return Err(io::Error::other(reason));
                }
                // The answer to a request whose caller has gone.
                (ZygoteReply::Forked(_), Some(_)) | (ZygoteReply::Failed(..), _) => {}
                (ZygoteReply::Ready, _) | (ZygoteReply::Forked(_), None) => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
    }

    /// Sends a request, with the descriptors along its first byte.
    async fn send(&mut self, request: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut sent = 0;
        while sent < request.len() {
            let along = if sent == 0 { descriptors } else { &[] };
            let once = || send_with_descriptors(self.control.as_fd(), &request[sent..], along);
            sent += self.control.async_io(Interest::WRITABLE, once).await?;
        }
        Ok(())
    }

    /// Waits for the next answer and the descriptor that came with it.
    async fn answer(&mut self) -> io::Result<(ZygoteReply, Option<OwnedFd>)> {
        tokio::time::timeout(ANSWER_WAIT, self.next_answer()).await.map_err(io::Error::other)?
    }

    /// Cancel-safe: what was received stays in `self`.
    async fn next_answer(&mut self) -> io::Result<(ZygoteReply, Option<OwnedFd>)> {
        loop {
            let taken = frame::take_frame(&mut self.incoming, ANSWER_BYTES_MAX).map_err(io::Error::other)?;
            if let Some((kind, body)) = taken {
                let reply = frame::parse_zygote_reply(kind, body).map_err(io::Error::other)?;
                let has_descriptor = matches!(reply, ZygoteReply::Forked(_)) && !self.descriptors.is_empty();
                return Ok((reply, has_descriptor.then(|| self.descriptors.remove(0))));
            }
            let mut bytes = [0; ANSWER_BYTES_MAX];
            let once = || receive_with_descriptors(self.control.as_fd(), &mut bytes);
            let (count, descriptors) = self.control.async_io(Interest::READABLE, once).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.incoming.extend_from_slice(&bytes[..count]);
            self.descriptors.extend(descriptors);
        }
    }
}
