//! The API as a whole: which protocol a request speaks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use kulkul_access::AccessKeys;
use kulkul_bus::Hub;
use kulkul_connection::Connections;
use kulkul_delivery::{Clock, Redrives};
use kulkul_function::Functions;
use kulkul_listener::{Peer, RequestBody, head_bytes};
use kulkul_model::{Identity, Timestamp};
use kulkul_push::Signer;
use kulkul_queue::Queues;
use kulkul_source::Sources;
use kulkul_trigger::Triggers;

use crate::answer::{self, Answer};
use crate::fc::ToldRefusals;
use crate::gate::Gate;
use crate::receive::{self, ReceiveOptions, Receiver, Receivers};
use crate::unsigned::UnsignedBodies;
use crate::{cloud_events, eventbridge, fc, native, queue, queue_control};

/// The HTTP status of an EventBridge operation that was understood and refused.
///
/// The documentation prints 409; the cloud answers 200 with `Success: false`, and a client that was written against it
/// looks there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BusinessErrors {
    /// 200, as the cloud.
    #[default]
    Ok,
    /// 409, as the documentation; clients raise an exception.
    Conflict,
}

/// How the API behaves where there is a choice.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// The HTTP status of refused EventBridge operations.
    pub business_errors: BusinessErrors,
    /// How far the date of a request may be from the present, either way.
    pub skew_max: Duration,
    /// How many nonces are remembered.
    pub nonce_count_max: usize,
    /// The largest head of a request.
    pub head_bytes_max: usize,
    /// Who may bring events without a key.
    pub receive: ReceiveOptions,
}

impl Default for ApiOptions {
    /// 200; 15 minutes (EventBridge and older Function Compute documentation); a million nonces (16 MB when full);
    /// heads of 128 KiB, so that request lines of 64 KiB fit. Nobody may bring events without a key.
    fn default() -> Self {
        Self {
            business_errors: BusinessErrors::default(),
            skew_max: Duration::from_secs(15 * 60),
            nonce_count_max: 1_000_000,
            head_bytes_max: 128 * 1024,
            receive: ReceiveOptions::default(),
        }
    }
}

/// What the API works with.
#[derive(Clone)]
pub struct ApiParts {
    /// Dead letters that are sent again in bulk.
    pub redrives: Arc<Redrives>,
    /// Buses, rules, events.
    pub hub: Arc<Hub>,
    /// Functions and their invocations.
    pub functions: Arc<Functions>,
    /// Triggers of functions.
    pub triggers: Arc<Triggers>,
    /// Message queues.
    pub queues: Queues,
    /// The registry of event sources.
    pub sources: Arc<Sources>,
    /// Connections and API destinations.
    pub connections: Arc<Connections>,
    /// Signs pushes to HTTP targets; its certificate is published here.
    pub signer: Arc<Signer>,
    /// Who may call.
    pub keys: Arc<AccessKeys>,
    /// Whose server this is.
    pub identity: Identity,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How it behaves.
    pub options: ApiOptions,
}

/// The API. Shared as an `Arc`; [`Api::handle`] is what a listener calls.
pub struct Api {
    pub(crate) redrives: Arc<Redrives>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) triggers: Arc<Triggers>,
    pub(crate) queues: Queues,
    pub(crate) sources: Arc<Sources>,
    pub(crate) connections: Arc<Connections>,
    signer: Arc<Signer>,
    pub(crate) gate: Gate,
    pub(crate) identity: Identity,
    pub(crate) options: ApiOptions,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) told_refusals: ToldRefusals,
    pub(crate) unsigned_bodies: UnsignedBodies,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// Puts the API together.
    pub fn new(parts: ApiParts) -> Arc<Self> {
        let ApiParts {
            redrives,
            hub,
            functions,
            triggers,
            queues,
            connections,
            signer,
            sources,
            keys,
            identity,
            clock,
            options,
        } = parts;
        let gate = Gate::new(keys, options.skew_max, options.nonce_count_max);
        let receivers = Arc::new(Receivers::new(options.receive.clone(), sources.clone()));
        Arc::new(Self {
            redrives,
            hub,
            functions,
            triggers,
            queues,
            connections,
            signer,
            sources,
            gate,
            identity,
            options,
            receivers,
            told_refusals: ToldRefusals::default(),
            unsigned_bodies: UnsignedBodies::default(),
            clock,
        })
    }

    /// Answers one request. Never fails and never panics: what goes wrong is answered in the protocol's own words.
    pub async fn handle(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Answer {
        let oversized = head_bytes(&request) > self.options.head_bytes_max;
        let (head, body) = request.into_parts();
        let body = peer.body(body);
        let call = Call { api: &self, head: &head, peer: &peer, oversized, now: self.now() };
        // Boxed, but for the hot path: the future is moved several times for each request, whatever the protocol.
        match Protocol::of(&call) {
            Protocol::EventBridge => eventbridge::serve(call, body).await,
            Protocol::EventBridgeData => Box::pin(eventbridge::data_plane::serve(call, body)).await,
            Protocol::Fc => Box::pin(fc::serve(call, body)).await,
            Protocol::CloudEvents => Box::pin(cloud_events::serve(call, body)).await,
            Protocol::Native => Box::pin(native::serve(call, body)).await,
            Protocol::Receive(receiver) => Box::pin(receive::serve(call, receiver, body)).await,
            Protocol::Queue => Box::pin(queue::serve(call, body)).await,
            Protocol::QueueControl => Box::pin(queue_control::serve(call, body)).await,
            Protocol::Certificate => certificate(&call),
            Protocol::Health => health(&call),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// One request, as far as its head goes.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) api: &'a Arc<Api>,
    pub(crate) head: &'a http::request::Parts,
    pub(crate) peer: &'a Peer,
    /// The head is larger than it may be.
    pub(crate) oversized: bool,
    /// When it arrived.
    pub(crate) now: Timestamp,
}

impl<'a> Call<'a> {
    /// The path exactly as it was received.
    pub(crate) fn path(&self) -> &'a str {
        self.head.uri.path()
    }

    /// The query exactly as it was received; empty when there is none.
    pub(crate) fn query(&self) -> &'a str {
        self.head.uri.query().unwrap_or_default()
    }

    /// A header's value; `None` when it is missing or not ASCII text.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// What signatures are made of.
    pub(crate) fn signed(&self) -> crate::signature::Signed<'a> {
        crate::signature::Signed {
            method: self.head.method.as_str(),
            path: self.path(),
            query: self.query(),
            headers: &self.head.headers,
        }
    }
}

/// The protocols that the listener carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// EventBridge 2020-04-01, RPC.
    EventBridge,
    /// EventBridge, data plane: `/openapi/…`.
    EventBridgeData,
    /// Function Compute 2023-03-30, REST. Also answers whatever nobody else knows.
    Fc,
    /// The HTTP binding of CloudEvents: `/events/…`.
    CloudEvents,
    /// Our own operations, below `/kulkul/`.
    Native,
    /// Events from senders without a key.
    Receive(Receiver),
    /// Simple Message Queue 2015-06-06: `/queues…`.
    Queue,
    /// The control plane of Simple Message Queue, `Mns-open` 2022-01-19, RPC.
    QueueControl,
    /// The certificate with which receivers check that a push is ours: for everybody.
    Certificate,
    /// `/healthz`.
    Health,
}

impl Protocol {
    fn of(call: &Call<'_>) -> Self {
        match call.path() {
            "/" if queue_control::is_meant(call) => Self::QueueControl,
            "/" => Self::EventBridge,
            "/healthz" => Self::Health,
            path if Signer::is_certificate_path(path) => Self::Certificate,
            path if path.starts_with("/openapi/") => Self::EventBridgeData,
            path if path.starts_with(native::PREFIX) => Self::Native,
            path if queue::is_path(path) => Self::Queue,
            path if path.starts_with(cloud_events::PREFIX) => Self::CloudEvents,
            _ if call.header("x-acs-version") == Some(eventbridge::VERSION) => Self::EventBridge,
            path => Receiver::of(path).map_or(Self::Fc, Self::Receive),
        }
    }
}

fn health(call: &Call<'_>) -> Answer {
    match call.head.method {
        Method::GET | Method::HEAD => {
            answer::with_body(StatusCode::OK, "application/json", &br#"{"status":"ok"}"#[..])
        }
        _ => answer::empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn certificate(call: &Call<'_>) -> Answer {
    let found = call.api.signer.certificate_at(call.path());
    match (call.head.method.clone(), found) {
        (Method::GET | Method::HEAD, Some(pem)) => {
            answer::with_body(StatusCode::OK, "application/x-pem-file", pem)
        }
        (Method::GET | Method::HEAD, None) => answer::empty(StatusCode::NOT_FOUND),
        _ => answer::empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Runs `work` and says whether it panicked. A panic is our mistake: it is logged here, and costs one request.
pub(crate) async fn guarded<T>(request_id: &str, work: impl Future<Output = T>) -> Option<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended
        .inspect_err(|cause| {
            let text = cause.downcast_ref::<&str>().copied();
            let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str));
            tracing::error!(request.id = request_id, error = text.unwrap_or("unknown"), "a request panicked");
        })
        .ok()
}

/// How much of a refused body is read, so that its sender gets to see the refusal.
const DISCARD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Reads on after a refusal for as long as the client sends; see [`RequestBody::discard`]. One that waits to be asked
/// for its body is not asked.
pub(crate) async fn discard(call: Call<'_>, body: &mut RequestBody) {
    if body.is_begun() || call.header("expect").is_none() {
        body.discard(DISCARD_BYTES_MAX).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_from_an_end() {
        assert_eq!(guarded("1", async { 7 }).await, Some(7));
        assert_eq!(
            guarded("2", async {
                if true {
                    panic!("as asked")
                }
            })
            .await,
            None
        );
    }
}
