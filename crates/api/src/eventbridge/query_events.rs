//! QueryEvents, of the data plane: several events by their ids.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::query_event::text_of;
use super::reply::Success;

/// Ours: as many as a page of any list has.
const ID_COUNT_MAX: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found<'a> {
    event_bus_name: &'a str,
    /// Events by their ids, as JSON text: the model of the client has texts here.
    event_map: BTreeMap<&'a str, String>,
}

/// The newest event with each id, of the source asked for when one is given. An id that nobody knows is left out.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, bus) = (rpc.params, rpc.params.bus()?);
    let ids = params.structured::<Vec<String>>("EventIds")?.ok_or_else(|| RpcError::missing("EventIds"))?;
    if ids.len() > ID_COUNT_MAX {
        let message = format!("a request has at most {ID_COUNT_MAX} ids, not {}", ids.len());
        return Err(RpcError::business("InvalidArgument", message));
    }
    let source = params.get("EventSourceName").filter(|source| !source.is_empty());
    let mut event_map = BTreeMap::new();
    for id in &ids {
        let found = rpc.call.api.hub.trace(&bus, id).await?;
        let newest = found.iter().find(|found| source.is_none_or(|source| found.record.key.source == source));
        if let Some(newest) = newest {
            event_map.insert(id.as_str(), text_of(newest)?);
        }
    }
    Ok(Success::of(&Found { event_bus_name: bus.as_str(), event_map }))
}
