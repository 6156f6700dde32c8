//! The CloudEvents 1.0 HTTP protocol binding: `POST /events/{bus}` in binary, structured or batched mode, so that any
//! CloudEvents SDK, and `curl`, can publish.
//!
//! Requests are signed with ACS3, or carry an access key as name and password (HTTP Basic) where a client cannot sign.
//! All events of a request are accepted, or none: such a client looks at nothing but the status. Errors have the form of
//! EventBridge's data plane, and statuses that HTTP clients expect: 404 for a bus that does not exist, 415 for a media
//! type that is none of CloudEvents, 400 for what is malformed.

use std::sync::Arc;

use http::{Method, StatusCode};
use kulkul_access::{AccessKey, Action};
use kulkul_bus::Acceptance;
use kulkul_listener::RequestBody;
use kulkul_model::BusName;
use serde_json::json;
use tracing::Instrument;

use crate::answer::Answer;
use crate::api::{Call, discard, guarded};
use crate::eventbridge::data_plane::{answered, events_of, failure};
use crate::eventbridge::{RequestId, RpcError, bad_bus_name};
use crate::gate::{Replay, check_role};
use crate::percent::{Plus, decode_text};
use crate::signature::{Acs3, Basic, Refusal};

/// What every path starts with; the bus follows.
pub(crate) const PREFIX: &str = "/events/";

/// Ours: the binding knows no limit. A request is one commit.
const EVENT_COUNT_MAX: usize = 1000;
/// Ours.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    let id = RequestId::random();
    let span = tracing::debug_span!("cloudevents", request.id = id.as_str());
    let work = run(call, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or_else(|| Err(RpcError::internal("panicked")));
    match done {
        Ok(accepted) => answered(StatusCode::OK, &id, told(&id, &accepted)),
        Err(error) => {
            if let Some(chain) = error.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            failure(&id, &error.in_terms_of_http())
        }
    }
}

async fn run(call: Call<'_>, body: &mut RequestBody) -> Result<Vec<Acceptance>, RpcError> {
    if call.oversized {
        return Err(RpcError::head_too_large(call.api.options.head_bytes_max));
    }
    if call.head.method != Method::POST {
        return Err(RpcError::unsupported_method());
    }
    let bus = bus_of(call.path())?;
    let (key, content_sha256) = admit(call).map_err(|refusal| RpcError::of_data_plane(&refusal))?;
    check_role(&key, Action::Publish).map_err(|refusal| RpcError::of_data_plane(&refusal))?;
    let body = body.read_all(BODY_BYTES_MAX).await?;
    if let Some(hash) = content_sha256 {
        Acs3::check_body(&body, hash).map_err(|refusal| RpcError::of_data_plane(&refusal))?;
    }
    // The body is read: its events are accepted although the client hangs up.
    call.peer.run_to_end();
    let events = events_of(&call.head.headers, &body, EVENT_COUNT_MAX)?;
    let accepted = call.api.hub.accept_whole(&bus, events, call.peer.ip()).await?;
    accepted.map_err(|error| RpcError::of_event(&error))
}

fn bus_of(path: &str) -> Result<BusName, RpcError> {
    let name = path.strip_prefix(PREFIX).and_then(|name| decode_text(name, Plus::Plus));
    let name = name.ok_or_else(RpcError::unknown_api)?;
    name.parse().map_err(|error| bad_bus_name(&error))
}

fn admit(call: Call<'_>) -> Result<(Arc<AccessKey>, Option<&str>), Refusal> {
    let gate = &call.api.gate;
    match call.header("authorization") {
        None => Err(Refusal::Unsigned),
        Some(text) if Basic::is(text) => {
            let token = call.header("x-acs-security-token");
            gate.admit_basic(text, token, call.now).map(|key| (key, None))
        }
        Some(text) => {
            let admitted = gate.admit_acs3(text, &call.signed(), call.now, Replay::Refused)?;
            Ok((admitted.key, admitted.content_sha256))
        }
    }
}

fn told(id: &RequestId, accepted: &[Acceptance]) -> Vec<u8> {
    let events =
        accepted.iter().map(|event| json!({"id": event.event_id, "traceId": event.trace_id.to_string()}));
    json!({"requestId": id.as_str(), "events": events.collect::<Vec<_>>()}).to_string().into_bytes()
}
