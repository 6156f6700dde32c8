//! Accepting connections, watching over them, stopping.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::connection::{Clock, Connection, Phase, Timeouts, Verdict};
use crate::watched::{WatchedBody, WatchedSocket};
use crate::{Limits, Peer};

/// A bound address, about to be served.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut off because the grace was over.
    pub cut_off_count: usize,
}

/// The connections of a listener.
struct Connections {
    tasks: JoinSet<()>,
    known: HashMap<task::Id, (Arc<Connection>, AbortHandle)>,
    clock: Arc<Clock>,
    timeouts: Timeouts,
}

impl Listener {
    /// Binds an address; port 0 picks a free one.
    pub async fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, limits })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then lets requests under way finish within the grace.
    ///
    /// `handler` is called for each request, in the Tokio task of its connection. Dropping this future cuts all
    /// connections off.
    pub async fn serve<H, F, B>(self, handler: H, stop: CancellationToken) -> Stopped
    where
        H: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + Unpin + 'static,
        B::Data: Buf + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { socket, address, limits } = self;
        let handler = Arc::new(handler);
        let mut connections = Connections::new(&limits);
        let mut tick = tokio::time::interval(limits.tick());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let room = connections.tasks.len() < limits.connection_count_max;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tick.tick() => connections.watch(),
                Some(ended) = connections.tasks.join_next_with_id() => connections.forget(ended),
                accepted = socket.accept(), if room => match accepted {
                    Ok((stream, client)) => connections.start(stream, client, &limits, &handler),
                    Err(error) => wait_after(&error).await,
                },
            }
        }
        drop(socket);
        let stopped = connections.drain(limits.shutdown_grace, tick).await;
        debug!(%address, cut_off_count = stopped.cut_off_count, "stopped serving");
        stopped
    }
}

impl Connections {
    fn new(limits: &Limits) -> Self {
        let clock = Arc::new(Clock::default());
        clock.advance();
        Self { tasks: JoinSet::new(), known: HashMap::new(), clock, timeouts: Timeouts::new(limits) }
    }

    fn start<H, F, B>(&mut self, stream: TcpStream, client: SocketAddr, limits: &Limits, handler: &Arc<H>)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + Unpin + 'static,
        B::Data: Buf + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%client, %error, "the client was gone before it was served");
            return;
        }
        let connection = Arc::new(Connection::new(client.ip(), Arc::clone(&self.clock)));
        let peer = Peer::new(client, Arc::clone(&connection));
        let serve = serve_one(stream, peer, limits.head_bytes_max, Arc::clone(handler));
        let abort = self.tasks.spawn(serve);
        self.known.insert(abort.id(), (connection, abort));
    }

    fn forget(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.known.remove(&id);
        if let Err(error) = ended
            && error.is_panic()
        {
            error!(%error, "a request handler panicked, its connection was closed");
        }
    }

    /// Closes what is overdue.
    fn watch(&self) {
        let now = self.clock.advance();
        for (connection, abort) in self.known.values() {
            match connection.judge(now, &self.timeouts) {
                Verdict::Fine => {}
                Verdict::Overdue(reason) => {
                    debug!(reason, "closing a connection");
                    abort.abort();
                }
            }
        }
    }

    async fn drain(mut self, grace: Duration, mut tick: tokio::time::Interval) -> Stopped {
        self.known.values().for_each(|(connection, _)| connection.stop());
        let deadline = Instant::now() + grace;
        loop {
            tokio::select! {
                ended = self.tasks.join_next_with_id() => match ended {
                    Some(ended) => self.forget(ended),
                    None => return Stopped { cut_off_count: 0 },
                },
                _ = tick.tick() => self.watch(),
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        let cut_off_count = self.tasks.len();
        self.tasks.shutdown().await;
        Stopped { cut_off_count }
    }
}

async fn serve_one<H, F, B>(stream: TcpStream, peer: Peer, head_bytes_max: usize, handler: Arc<H>)
where
    H: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<B>>,
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connection = Arc::clone(&peer.connection);
    let service = service_fn(|request| {
        let connection = Arc::clone(&peer.connection);
        connection.enter(Phase::Busy);
        let answer = handler(request, peer.clone());
        async move {
            let answer = answer.await;
            connection.set_run_to_end(false);
            Ok::<_, std::convert::Infallible>(answer.map(|body| WatchedBody::new(body, connection)))
        }
    });
    let socket = TokioIo::new(WatchedSocket::new(stream, Arc::clone(&connection)));
    let serving = http1::Builder::new()
        // Time-outs are the listener's; see the head of this crate.
        .header_read_timeout(None)
        .max_buf_size(head_bytes_max.max(8192))
        // Not `pipeline_flush`: it keeps an answer back while anything unread is in the buffer, such as the rest of
        // a refused body, or half of the next request, and a refusal is then never seen.
        .serve_connection(socket, service);
    let mut serving = std::pin::pin!(serving);
    let mut told = false;
    let ended = poll_fn(|cx| {
        connection.register(cx.waker());
        if !told && connection.is_stopping() {
            told = true;
            serving.as_mut().graceful_shutdown();
        }
        serving.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        debug!(client = %peer.address(), %error, "a connection ended early");
    }
}

/// Waits before accepting again. Most errors concern one connection; when the machine has no descriptors left, trying
/// again at once would only spin.
async fn wait_after(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    warn!(%error, "cannot accept a connection, trying again");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
