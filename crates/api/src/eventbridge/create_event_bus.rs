//! CreateEventBus.

use kulkul_model::bus_arn;
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

#[derive(Serialize)]
struct Created {
    #[serde(rename = "EventBusARN")]
    arn: String,
}

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let bus = rpc.params.bus()?;
    let description = rpc.params.get("Description").unwrap_or_default().to_owned();
    let made = rpc.call.api.hub.create_bus(bus, description).await?;
    tracing::info!(bus = %made.name, "created an event bus");
    Ok(Success::of(&Created { arn: bus_arn(&rpc.call.api.identity, &made.name) }))
}
