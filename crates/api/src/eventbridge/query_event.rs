//! QueryEvent.

use kulkul_store::TracedRecord;
use serde_json::value::RawValue;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

/// The newest event with that id, `null` when there is none.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let found = traced(rpc).await?;
    let event = found.first().map(body).transpose()?;
    Ok(Success::of_200(&event))
}

/// The events with the id asked for, newest first; of the source asked for, when one is given.
pub(super) async fn traced(rpc: Rpc<'_>) -> Result<Vec<TracedRecord>, RpcError> {
    let (bus, id) = (rpc.params.bus()?, rpc.params.require("EventId")?);
    let source = rpc.params.get("EventSource").filter(|source| !source.is_empty());
    let mut found = rpc.call.api.hub.trace(&bus, id).await?;
    found.retain(|traced| source.is_none_or(|source| traced.record.key.source == source));
    Ok(found)
}

fn body(traced: &TracedRecord) -> Result<Box<RawValue>, RpcError> {
    RawValue::from_string(text_of(traced)?).map_err(|_| RpcError::internal("a stored event is not JSON"))
}

/// An event as the JSON text that it was accepted as.
pub(super) fn text_of(traced: &TracedRecord) -> Result<String, RpcError> {
    let text = String::from_utf8(traced.record.body.to_vec());
    text.map_err(|_| RpcError::internal("a stored event is not UTF-8"))
}
