//! The client: one pool of connections for all targets.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell;

use crate::connect::GuardedConnector;
use crate::error::from_client;
use crate::{OutboundError, Reach, TargetUrl};

/// How much of an answer's body is kept. The rest is not read, and the connection is closed.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Idle connections that are kept for each host.
const IDLE_PER_HOST_MAX: usize = 32;

/// What an outbound client works with.
#[derive(Clone, Debug)]
pub struct OutboundOptions {
    /// Where requests may go.
    pub reach: Reach,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// Certificates of authorities that are trusted beside those of the system.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: TargetUrl,
    /// The headers. `host` and `content-length` are set.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long everything may take, from resolving the name to the end of the answer.
    pub timeout: Duration,
}

/// An answer. Redirects are answers like any other.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; at most 64 KiB of it.
    pub body: Bytes,
}

/// Sends requests. Clones share their connections.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    options: OutboundOptions,
    client: OnceCell<HttpClient>,
}

type HttpClient = Client<HttpsConnector<GuardedConnector>, Full<Bytes>>;

impl Outbound {
    /// Makes a client. The certificates of the system's authorities are read with the first request: a server that
    /// sends none starts without them.
    pub fn new(options: OutboundOptions) -> Self {
        Self(Arc::new(Inner { options, client: OnceCell::new() }))
    }

    /// Where requests may go.
    pub fn reach(&self) -> Reach {
        self.0.options.reach
    }

    /// Sends a request and reads its answer. Dropping the future closes the connection.
    pub async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundError> {
        let OutboundRequest { method, url, headers, body, timeout } = request;
        let mut request = Request::builder().method(method).uri(url.uri().clone());
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        let request = request.body(Full::new(body)).map_err(OutboundError::BadRequest)?;
        let exchange = async {
            let client = self.0.client.get_or_try_init(|| self.build()).await?;
            let answer = client.request(request).await.map_err(from_client)?;
            let (parts, body) = answer.into_parts();
            let body = read(body).await?;
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or(Err(OutboundError::TimedOut { limit: timeout }))
    }

    /// Reads a hundred files, on a thread that may wait for the disk.
    async fn build(&self) -> Result<HttpClient, OutboundError> {
        let options = self.0.options.clone();
        let built = tokio::task::spawn_blocking(move || build(options)).await;
        built.map_err(|panic| OutboundError::Tls(Box::new(panic)))?
    }
}

fn build(options: OutboundOptions) -> Result<HttpClient, OutboundError> {
    let failed = |error: rustls::Error| OutboundError::Tls(Box::new(error));
    let found = rustls_native_certs::load_native_certs();
    let mut roots = roots_of(found.certs, found.errors)?;
    for authority in options.authorities {
        roots.add(authority).map_err(failed)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = GuardedConnector { reach: options.reach, timeout: options.connect_timeout };
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_timer(TokioTimer::new())
        .build(connector))
}

/// The system's authorities. Not one, and something that could not be read, is no answer to keep: a client that trusts
/// nobody would be used until the server ends, whatever becomes of the files.
fn roots_of<E>(certs: Vec<CertificateDer<'static>>, errors: Vec<E>) -> Result<RootCertStore, OutboundError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certs);
    match errors.into_iter().next() {
        Some(error) if roots.is_empty() => Err(OutboundError::Tls(Box::new(error))),
        _ => Ok(roots),
    }
}

/// Reads as much of a body as is kept, and drops the connection when there is more.
async fn read(mut body: Incoming) -> Result<Bytes, OutboundError> {
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| OutboundError::Exchange(Box::new(error)))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = BODY_BYTES_MAX - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            break;
        }
    }
    Ok(kept.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn authorities_that_cannot_be_read_are_not_taken_for_none() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).unwrap().der().clone();
        let unreadable = || vec![io::Error::from(io::ErrorKind::PermissionDenied)];
        assert!(matches!(roots_of(vec![], unreadable()), Err(OutboundError::Tls(_))));
        assert_eq!(roots_of(vec![certificate], unreadable()).unwrap().len(), 1, "the others count");
        assert!(roots_of::<io::Error>(vec![], vec![]).unwrap().is_empty(), "a system may have none");
    }
}
