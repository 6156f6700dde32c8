//! CreateConnection.

use kulkul_connection::NewConnection;
use serde::Serialize;

use super::Rpc;
use super::connection::{authorization, check_kind, name, network};
use super::error::RpcError;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    connection_name: String,
}

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let name = name(params)?;
    check_kind(params)?;
    let new = NewConnection {
        name: name.clone(),
        description: params.get("Description").unwrap_or_default().to_owned(),
        authorization: authorization(params)?,
        network: network(params)?.ok_or_else(|| RpcError::missing("NetworkParameters"))?,
    };
    rpc.call.api.connections.create_connection(new).await?;
    tracing::info!(connection = %name, "created a connection");
    Ok(Success::of(&Created { connection_name: name.as_str().to_owned() }).without_flag())
}
