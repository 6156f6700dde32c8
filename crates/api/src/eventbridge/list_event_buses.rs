//! ListEventBuses.

use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::get_event_bus::BusOutput;
use super::page::Page;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    event_buses: Vec<BusOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let page = Page::asked(rpc.params)?;
    let all = rpc.call.api.hub.list_buses(rpc.params.get("NamePrefix").unwrap_or_default());
    let total = all.len();
    let shown = all.into_iter().skip(page.offset).take(page.limit);
    let event_buses = shown.map(|bus| BusOutput::of(bus, &rpc.call.api.identity)).collect();
    Ok(Success::of_200(&Listed { event_buses, next_token: page.next_token(total), total }))
}
