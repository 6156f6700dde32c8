//! ListConnections.

use serde::Serialize;

use super::Rpc;
use super::connection::{ConnectionOutput, HTTP};
use super::error::RpcError;
use super::page::Page;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    connections: Vec<ConnectionOutput>,
    max_results: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, page) = (rpc.params, Page::asked_as_max_results(rpc.params)?);
    let given = |name| params.get(name).filter(|text: &&str| !text.is_empty());
    let prefix = given("ConnectionNamePrefix").unwrap_or_default();
    let of_kind = given("Type").is_none_or(|kind| kind == HTTP) && given("ExcludeType") != Some(HTTP);
    let mut all = rpc.call.api.connections.list_connections();
    all.retain(|connection| of_kind && connection.settings.name.as_str().starts_with(prefix));
    let total = all.len();
    let shown = all.iter().skip(page.offset).take(page.limit);
    let connections = shown.map(|connection| ConnectionOutput::of(connection)).collect();
    let next_token = page.next_token(total);
    Ok(Success::of(&Listed { connections, max_results: page.limit, next_token, total }).without_flag())
}
