//! TestEventPattern.

use kulkul_bus::BusError;
use kulkul_pattern::Pattern;
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

/// `Explanation` is ours: why the pattern matches, or does not. Clients ignore members they do not know.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tested {
    result: bool,
    explanation: String,
}

/// A pattern with an error is an error, not a pattern that does not match.
pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let event = rpc.params.require("Event")?;
    let text = rpc.params.get("EventPattern").ok_or_else(|| RpcError::missing("EventPattern"))?;
    let options = rpc.call.api.hub.options();
    let pattern = Pattern::parse(text, &options.pattern).map_err(BusError::from)?;
    if event.len() > options.event.event_bytes_max {
        let message = format!("the event has more than {} bytes", options.event.event_bytes_max);
        return Err(RpcError::business("EventSizeExceed", message));
    }
    let explanation = pattern.explain(event.as_bytes());
    if let Some(at) = explanation.malformed_at {
        let message = format!("the event is not a JSON object (byte {at})");
        return Err(RpcError::business("EventInvalid", message));
    }
    Ok(Success::of(&Tested { result: explanation.matched, explanation: explanation.to_string() }))
}
