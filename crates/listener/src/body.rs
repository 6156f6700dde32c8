//! Reading the body of a request, with bounds.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use hyper::body::Incoming;

use crate::connection::Connection;

/// How long a client whose request was refused may pause in its body before it is answered.
const DISCARD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the reader allows.
    #[error("the body has more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// The client paused for too long.
    #[error("the client stopped sending in the middle of the body")]
    TimedOut,
    /// The connection broke, or what came is not HTTP.
    #[error("the body is broken off or malformed")]
    Broken(#[source] hyper::Error),
}

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    begun: bool,
    connection: Arc<Connection>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, connection: Arc<Connection>) -> Self {
        Self { incoming, begun: false, connection }
    }

    /// Its length, when the client has said it.
    pub fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Whether somebody has begun to read it. A client that sent `Expect: 100-continue` sends nothing before that.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// The next piece, `None` at the end. Trailers are passed over. Cancel-safe.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The next piece, `None` at the end. Trailers are passed over.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.begun = true;
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                self.connection.await_body(true);
                if self.connection.body_overdue(cx.waker()) {
                    return Poll::Ready(Some(Err(BodyError::TimedOut)));
                }
                return Poll::Pending;
            };
            self.connection.await_body(false);
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Broken(error)))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    /// Reads the whole body, at most `bytes_max` bytes. A body that came in one piece is not copied.
    ///
    /// One that says at once that it is too large is refused unread; see [`RequestBody::discard`].
    pub async fn read_all(&mut self, bytes_max: usize) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { bytes_max: bytes_max as u64 };
        let length = self.incoming.size_hint().lower();
        if length > bytes_max as u64 {
            return Err(too_large);
        }
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() > bytes_max {
            return Err(too_large);
        }
        if first.len() as u64 == length || self.incoming.is_end_stream() {
            return Ok(first);
        }
        let mut all = BytesMut::new();
        all.extend_from_slice(&first);
        while let Some(more) = self.chunk().await.transpose()? {
            if all.len() + more.len() > bytes_max {
                return Err(too_large);
            }
            if all.capacity() - all.len() < more.len() {
                // What was promised is reserved only once a good part of it is there: a promise costs nothing.
                let promised = (length as usize).saturating_sub(all.len());
                all.reserve(promised.clamp(more.len(), (all.len() * 4).max(more.len())));
            }
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }

    /// Reads and drops what is left, at most `bytes_max` bytes.
    ///
    /// A client that is still sending when the connection closes sees a reset, not the answer. So a refusal reads on
    /// for a while first. A client that pauses has nothing to lose and gets its answer. Errors no longer matter here.
    pub async fn discard(&mut self, bytes_max: u64) {
        let mut left = bytes_max;
        while left > 0 {
            match tokio::time::timeout(DISCARD_PAUSE_MAX, self.chunk()).await {
                Ok(Some(Ok(piece))) => left = left.saturating_sub(piece.len() as u64),
                Ok(Some(Err(_)) | None) | Err(_) => return,
            }
        }
    }
}
