//! Connecting: resolve, judge, connect to what was judged.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use crate::{OutboundError, Reach};

/// Makes TCP connections to addresses within a reach.
#[derive(Clone, Debug)]
pub(crate) struct GuardedConnector {
    pub(crate) reach: Reach,
    /// How long resolving and connecting may take together.
    pub(crate) timeout: Duration,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("cannot resolve `{host}`")]
    Unresolved { host: String, kind: io::ErrorKind, message: String },
    #[error("requests to {0} are not allowed")]
    Forbidden(IpAddr),
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("no connection in time")]
    TimedOut,
}

impl Refused {
    pub(crate) fn to_error(&self) -> OutboundError {
        match self {
            Self::Unresolved { host, kind, message } => OutboundError::Unresolved {
                host: host.clone(),
                source: io::Error::new(*kind, message.clone()),
            },
            Self::Forbidden(address) => OutboundError::Forbidden { address: *address },
            Self::Connect(error) => {
                OutboundError::Connect(Box::new(io::Error::new(error.kind(), error.to_string())))
            }
            Self::TimedOut => OutboundError::Connect(Box::new(io::Error::from(io::ErrorKind::TimedOut))),
        }
    }
}

impl GuardedConnector {
    async fn connect(self, uri: Uri) -> Result<TcpStream, Refused> {
        let deadline = Instant::now() + self.timeout;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let unresolved = |error: io::Error| Refused::Unresolved {
            host: host.clone(),
            kind: error.kind(),
            message: error.to_string(),
        };
        let resolving = timeout_at(deadline, tokio::net::lookup_host((host.as_str(), port))).await;
        let found: Vec<SocketAddr> = resolving.map_err(|_| Refused::TimedOut)?.map_err(unresolved)?.collect();
        let none = match found.first() {
            Some(first) => Refused::Forbidden(first.ip()),
            None => unresolved(io::ErrorKind::NotFound.into()),
        };
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| self.reach.allows(address.ip())).collect();
        let stream = first_of(&allowed, deadline, none, TcpStream::connect::<SocketAddr>).await?;
        // A delivery is one small request: waiting for more to send only delays it.
        stream.set_nodelay(true).map_err(Refused::Connect)?;
        Ok(stream)
    }
}

/// The first connection that comes about. Each address has its share of the time that is left, so that one that never
/// answers does not use up that of the others. `none` is the error when there is no address.
async fn first_of<S, F: Future<Output = io::Result<S>>>(
    addresses: &[SocketAddr],
    deadline: Instant,
    none: Refused,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<S, Refused> {
    let mut last = none;
    for (address, untried_count) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(untried_count).unwrap_or(u32::MAX);
        last = match timeout(share, connect(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => Refused::Connect(error),
            Err(_) => Refused::TimedOut,
        };
    }
    Err(last)
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<Guarded>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.connect(uri).await.map(|stream| TokioIo::new(Guarded(stream))) })
    }
}

/// A connection to an address that was judged.
pub(crate) struct Guarded(TcpStream);

impl Connection for Guarded {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an address does, by its port: 1 never answers, 2 refuses, anything else connects.
    async fn connect(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            1 => std::future::pending().await,
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            port => Ok(port),
        }
    }

    async fn tried(ports: &[u16]) -> (Result<u16, String>, u128) {
        let begin = Instant::now();
        let addresses: Vec<SocketAddr> = ports.iter().map(|port| ([127, 0, 0, 1], *port).into()).collect();
        let none = Refused::Forbidden([127, 0, 0, 1].into());
        let done = first_of(&addresses, begin + Duration::from_secs(6), none, connect).await;
        (done.map_err(|error| error.to_string()), begin.elapsed().as_millis() / 1000)
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answers_leaves_the_others_their_share() {
        assert_eq!(tried(&[1, 7]).await, (Ok(7), 3));
        assert_eq!(tried(&[2, 1, 7]).await, (Ok(7), 3), "what fails at once leaves more");
        assert_eq!(tried(&[1, 1, 7]).await, (Ok(7), 4));
        assert_eq!(tried(&[1, 1]).await, (Err("no connection in time".to_owned()), 6));
        assert_eq!(tried(&[1, 2]).await, (Err("cannot connect".to_owned()), 3), "the last error counts");
        assert_eq!(tried(&[]).await, (Err("requests to 127.0.0.1 are not allowed".to_owned()), 0));
    }
}
