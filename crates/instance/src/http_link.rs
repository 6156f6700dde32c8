//! One HTTP/1.1 connection to a custom runtime, driven by whoever uses it.
//!
//! The driver of a connection is usually a Tokio task of its own, which costs two task switches per request. Here the
//! user of the connection polls both; an idle connection is polled by nobody.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that is kept open between requests.
pub(crate) struct HttpLink {
    sender: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The connection was already closed: the request has not been sent.
    #[error("the connection was closed before the request")]
    Stale,
    /// The answer is too long.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The connection broke, or what came is no HTTP.
    #[error("{0}")]
    Broken(String),
}

impl HttpLink {
    /// Connects to a port of this machine.
    pub(crate) async fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        let handshake = http1::Builder::new().handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(std::io::Error::other)?;
        // How a connection ended shows in the request that it broke.
        let driver: Driver = Box::pin(async { drop(connection.await) });
        Ok(Self { sender, driver: Some(driver) })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// Not cancel-safe: after a dropped request the link is only good for being dropped.
    pub(crate) async fn request(
        &mut self,
        request: Request<Full<Bytes>>,
        body_bytes_max: usize,
    ) -> Result<(Parts, Bytes), LinkError> {
        let Self { sender, driver } = self;
        let answer = async {
            let response = sender.send_request(request).await;
            let response = response.map_err(|error| match error.is_canceled() {
                true => LinkError::Stale,
                false => LinkError::Broken(error.to_string()),
            })?;
            read_body(response, body_bytes_max).await
        };
        drive(driver, answer).await
    }

    /// Whether another request may be sent, once what the other side did meanwhile has been taken note of.
    pub(crate) async fn is_open(&mut self) -> bool {
        let Self { sender, driver } = self;
        let ready = drive(driver, async { sender.ready().await.is_ok() });
        ready.await && self.driver.is_some()
    }
}

async fn read_body(
    response: Response<hyper::body::Incoming>,
    limit: usize,
) -> Result<(Parts, Bytes), LinkError> {
    let (parts, body) = response.into_parts();
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok((parts, collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(LinkError::TooLarge(limit)),
        Err(error) => Err(LinkError::Broken(error.to_string())),
    }
}

/// Runs `work`, and the connection's driver beside it as long as it lasts.
async fn drive<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        // First, so that an idle connection notices what came in meanwhile.
        if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            *driver = None;
        }
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        // The work may have given the driver something to do.
        if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            *driver = None;
            return work.as_mut().poll(context);
        }
        Poll::Pending
    })
    .await
}
