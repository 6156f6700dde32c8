//! DeleteConnection.

use super::Rpc;
use super::connection::name;
use super::error::RpcError;
use super::reply::Success;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let name = name(rpc.params)?;
    rpc.call.api.connections.delete_connection(&name).await?;
    tracing::info!(connection = %name, "deleted a connection");
    Ok(Success::EMPTY.without_flag())
}
