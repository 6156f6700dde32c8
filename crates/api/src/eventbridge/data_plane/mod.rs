//! EventBridge, data plane: `POST /openapi/…`, with a signature and an error format of its own.
//!
//! But for `putEvents` its operations are those of the control plane in other words: a JSON object instead of
//! parameters, and an answer without an envelope.

mod binding;
mod media;
mod operation;
mod put_events;
mod translate;

pub(crate) use super::reply::answered;
pub(crate) use binding::{binary as event_in_headers, events as events_of, structured as event_in_json};

use std::sync::Arc;

use http::{Method, StatusCode};
use kulkul_access::{AccessKey, Action};
use kulkul_listener::RequestBody;
use serde::Serialize;
use tracing::Instrument;

use super::error::RpcError;
use super::reply::RequestId;
use super::{Rpc, dispatch_and_tell};
use crate::answer::Answer;
use crate::api::{Call, discard, guarded};
use crate::gate::{Secrets, check_role};
use crate::signature::Refusal;
use operation::Row;

/// What every path starts with.
const PREFIX: &str = "/openapi/";
/// The one operation that the control plane does otherwise.
const PUT_EVENTS: &str = "putEvents";

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    let id = RequestId::random();
    let span = tracing::debug_span!("eventbridge.data", request.id = id.as_str());
    let work = run(call, &id, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or_else(|| Err(RpcError::internal("panicked")));
    match done {
        Ok(body) => answered(StatusCode::OK, &id, body),
        Err(error) => {
            if let Some(chain) = error.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            failure(&id, &error)
        }
    }
}

async fn run(call: Call<'_>, id: &RequestId, body: &mut RequestBody) -> Result<Vec<u8>, RpcError> {
    if call.oversized {
        return Err(RpcError::head_too_large(call.api.options.head_bytes_max));
    }
    let path = call.path().strip_prefix(PREFIX).ok_or_else(RpcError::unknown_api)?;
    let row = match path {
        PUT_EVENTS => None,
        path => Some(Row::at(path).ok_or_else(RpcError::unknown_api)?),
    };
    if call.head.method != Method::POST {
        return Err(RpcError::unsupported_method());
    }
    let action = row.map_or(Action::Publish, |row| row.operation.action());
    let key = admit(call, action).map_err(|refusal| RpcError::of_data_plane(&refusal))?;
    let body = body.read_all(super::put_events::LIST_BYTES_MAX).await?;
    if action != Action::Read {
        // The body is read: what changes something goes on although its client hangs up.
        call.peer.run_to_end();
    }
    match row {
        None => put_events::run(call, id, &body).await,
        Some(row) => {
            let params = translate::params(row, &body)?;
            let rpc = Rpc { call, params: &params, secrets: Secrets::seen_by(&key) };
            let success = Box::pin(dispatch_and_tell(rpc, id, &key, row.operation)).await?;
            translate::answer(row, &success, id, &call.api.identity.account)
        }
    }
}

fn admit(call: Call<'_>, action: Action) -> Result<Arc<AccessKey>, Refusal> {
    let authorization = call.header("authorization").ok_or(Refusal::Unsigned)?;
    let key = call.api.gate.admit_data_plane(authorization, &call.signed(), call.now)?;
    check_role(&key, action)?;
    Ok(key)
}

/// Clients of the data plane read lower-case keys only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
}

pub(crate) fn failure(id: &RequestId, error: &RpcError) -> Answer {
    let body = Failure { code: &error.code, message: &error.message, request_id: id.as_str() };
    let body = serde_json::to_vec(&body).expect("three strings are always JSON");
    answered(error.status, id, body)
}

/// Reads a batch of events, for fuzzing.
#[cfg(test)]
pub(crate) fn events_of_batch(text: &str) {
    let mut headers = http::HeaderMap::new();
    let kind = "application/cloudevents-batch+json";
    headers.insert("content-type", http::HeaderValue::from_static(kind));
    drop(binding::events(&headers, text.as_bytes(), 16));
}
