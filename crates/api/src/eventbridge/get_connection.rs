//! GetConnection.

use serde::Serialize;

use super::Rpc;
use super::connection::{ConnectionOutput, name};
use super::error::RpcError;
use super::reply::Success;

/// A list, although there is one.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    connections: [ConnectionOutput; 1],
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let connection = rpc.call.api.connections.get_connection(&name(rpc.params)?)?;
    let got = Got { connections: [ConnectionOutput::of(&connection)] };
    Ok(Success::of(&got).without_flag().with_http_code())
}
