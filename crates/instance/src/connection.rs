//! The connection to a shim: one request at a time, one reply each.

use std::io;
use std::os::fd::OwnedFd;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::frame::{self, FrameError, Reply};

/// Payloads up to this size are copied behind their head and sent with one system call.
const COPY_BYTES_MAX: usize = 64 << 10;
/// What is read at least at once.
const READ_BYTES_MIN: usize = 8 << 10;

/// Frames over a Unix socket.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    incoming: BytesMut,
    outgoing: BytesMut,
    body_bytes_max: usize,
}

/// Why an exchange with a shim ended without a reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("the connection has closed")]
    Closed,
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl Connection {
    /// A connected pair: our end, and the one for the process.
    pub(crate) fn pair(body_bytes_max: usize) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        let (incoming, outgoing) = (BytesMut::new(), BytesMut::new());
        Ok((Self { stream, incoming, outgoing, body_bytes_max }, theirs.into()))
    }

    /// Bytes that a result may have.
    pub(crate) fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// Where to put the head of the next request, which [`exchange`](Self::exchange) sends.
    pub(crate) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.outgoing
    }

    /// Sends what is in [`outgoing`](Self::outgoing) and `payload`, and waits for the reply.
    ///
    /// Not cancel-safe: after a dropped exchange the connection is out of step and only good for being closed.
    pub(crate) async fn exchange(&mut self, payload: &Bytes) -> Result<Reply, ExchangeError> {
        self.send(payload).await.map_err(|_| ExchangeError::Closed)?;
        self.reply().await
    }

    async fn send(&mut self, payload: &Bytes) -> io::Result<()> {
        let copy = payload.len() <= COPY_BYTES_MAX;
        if copy {
            self.outgoing.extend_from_slice(payload);
        }
        self.stream.write_all(&self.outgoing).await?;
        self.outgoing.clear();
        if !copy {
            self.stream.write_all(payload).await?;
        }
        Ok(())
    }

    /// Waits for one reply. Cancel-safe.
    pub(crate) async fn reply(&mut self) -> Result<Reply, ExchangeError> {
        loop {
            if let Some((kind, body)) = frame::take_frame(&mut self.incoming, self.body_bytes_max)? {
                return Ok(frame::parse_reply(kind, body)?);
            }
            self.incoming.reserve(frame::missing(&self.incoming).max(READ_BYTES_MIN));
            match self.stream.read_buf(&mut self.incoming).await {
                Ok(0) | Err(_) => return Err(ExchangeError::Closed),
                Ok(_) => {}
            }
        }
    }
}
