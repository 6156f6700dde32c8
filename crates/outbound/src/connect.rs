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
use tower_service::Service;

use crate::{OutboundError, Reach};

/// Makes TCP connections to addresses within a reach.
#[derive(Clone, Debug)]
pub(crate) struct GuardedConnector {
    pub(crate) reach: Reach,
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
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let unresolved = |error: io::Error| Refused::Unresolved {
            host: host.clone(),
            kind: error.kind(),
            message: error.to_string(),
        };
        let found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(unresolved)?;
        let found: Vec<SocketAddr> = found.collect();
        let allowed = found.iter().filter(|address| self.reach.allows(address.ip()));
        let mut last = match found.first() {
            Some(first) => Refused::Forbidden(first.ip()),
            None => unresolved(io::ErrorKind::NotFound.into()),
        };
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A delivery is one small request: waiting for more to send only delays it.
                    stream.set_nodelay(true).map_err(Refused::Connect)?;
                    return Ok(stream);
                }
                Err(error) => last = Refused::Connect(error),
            }
        }
        Err(last)
    }
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
        Box::pin(async move {
            let limit = this.timeout;
            let connected = tokio::time::timeout(limit, this.connect(uri)).await;
            connected.unwrap_or(Err(Refused::TimedOut)).map(|stream| TokioIo::new(Guarded(stream)))
        })
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
