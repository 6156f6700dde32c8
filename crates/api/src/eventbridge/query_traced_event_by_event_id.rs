//! QueryTracedEventByEventId.

use super::Rpc;
use super::error::RpcError;
use super::query_event::traced;
use super::query_traced_events::{Listed, TracedEvent};
use super::reply::Success;

/// A list of one page. Source: EventBridge 2020-04-01; what a list of pages is for is not documented.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let bus = rpc.params.bus()?;
    let found = traced(rpc).await?;
    let events: Vec<_> = found.iter().map(|traced| TracedEvent::of(&traced.record, bus.as_str())).collect();
    let total = events.len();
    Ok(Success::of(&[Listed { events, next_token: None, total }]))
}
