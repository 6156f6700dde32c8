//! DeleteApiDestination.

use super::Rpc;
use super::api_destination::name;
use super::error::RpcError;
use super::reply::Success;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let name = name(rpc.params)?;
    rpc.call.api.connections.delete_destination(&name).await?;
    tracing::info!(destination = %name, "deleted an API destination");
    Ok(Success::EMPTY.without_flag())
}
