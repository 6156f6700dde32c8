//! CreateApiDestination.

use kulkul_connection::NewApiDestination;
use serde::Serialize;

use super::Rpc;
use super::api_destination::{http_api, name};
use super::error::RpcError;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    api_destination_name: String,
}

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let name = name(params)?;
    let connection = super::connection::name(params)?;
    let http_api = http_api(params)?.ok_or_else(|| RpcError::missing("HttpApiParameters"))?;
    let new = NewApiDestination {
        name: name.clone(),
        connection,
        description: params.get("Description").unwrap_or_default().to_owned(),
        endpoint: http_api.endpoint,
        method: http_api.method,
        rate_max: http_api.rate_max,
    };
    rpc.call.api.connections.create_destination(new).await?;
    tracing::info!(destination = %name, "created an API destination");
    // The official client reads the result from `Date`.
    let created = Created { api_destination_name: name.as_str().to_owned() };
    Ok(Success::of(&created).without_flag().with_date())
}
