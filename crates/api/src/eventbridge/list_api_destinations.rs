//! ListApiDestinations.

use serde::Serialize;

use super::Rpc;
use super::api_destination::DestinationOutput;
use super::error::RpcError;
use super::page::Page;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    api_destinations: Vec<DestinationOutput>,
    max_results: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, page) = (rpc.params, Page::asked_as_max_results(rpc.params)?);
    let given = |name| params.get(name).filter(|text: &&str| !text.is_empty());
    let (prefix, connection) =
        (given("ApiDestinationNamePrefix").unwrap_or_default(), given("ConnectionName"));
    let mut all = rpc.call.api.connections.list_destinations();
    all.retain(|destination| {
        let settings = &destination.settings;
        settings.name.as_str().starts_with(prefix)
            && connection.is_none_or(|connection| settings.connection.as_str() == connection)
    });
    let total = all.len();
    let shown = all.iter().skip(page.offset).take(page.limit);
    let api_destinations = shown.map(|destination| DestinationOutput::of(destination)).collect();
    let next_token = page.next_token(total);
    Ok(Success::of(&Listed { api_destinations, max_results: page.limit, next_token, total }).without_flag())
}
