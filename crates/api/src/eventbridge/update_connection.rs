//! UpdateConnection.

use super::Rpc;
use super::connection::{authorization, check_kind, name, network};
use super::error::RpcError;
use super::reply::Success;

/// What is not given stays. A mask instead of a secret stands for the secret that is there.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let name = name(params)?;
    check_kind(params)?;
    let (authorization, network) = (authorization(params)?, network(params)?);
    let description = params.get("Description").map(str::to_owned);
    let change = |mut settings: kulkul_connection::NewConnection| {
        settings.authorization = authorization.or(settings.authorization);
        settings.network = network.unwrap_or(settings.network);
        settings.description = description.unwrap_or(settings.description);
        settings
    };
    rpc.call.api.connections.update_connection(&name, change).await?;
    tracing::info!(connection = %name, "changed a connection");
    Ok(Success::EMPTY.without_flag())
}
