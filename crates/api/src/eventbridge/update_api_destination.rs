//! UpdateApiDestination.

use super::Rpc;
use super::api_destination::{connection, http_api, name};
use super::error::RpcError;
use super::reply::Success;

/// What is not given stays.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let name = name(params)?;
    let (connection, http_api) = (connection(params)?, http_api(params)?);
    let description = params.get("Description").map(str::to_owned);
    let change = |mut settings: kulkul_connection::NewApiDestination| {
        settings.connection = connection.unwrap_or(settings.connection);
        settings.description = description.unwrap_or(settings.description);
        if let Some(http_api) = http_api {
            settings.endpoint = http_api.endpoint;
            settings.method = http_api.method;
            settings.rate_max = http_api.rate_max;
        }
        settings
    };
    rpc.call.api.connections.update_destination(&name, change).await?;
    tracing::info!(destination = %name, "changed an API destination");
    Ok(Success::EMPTY.without_flag())
}
