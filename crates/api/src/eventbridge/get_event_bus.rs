//! GetEventBus.

use kulkul_bus::BusInfo;
use kulkul_model::{Identity, bus_arn};
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

/// A bus as it is shown here and in lists.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BusOutput {
    create_timestamp: i64,
    description: String,
    #[serde(rename = "EventBusARN")]
    arn: String,
    event_bus_name: String,
}

impl BusOutput {
    pub(super) fn of(bus: BusInfo, identity: &Identity) -> Self {
        Self {
            create_timestamp: bus.created_at.as_millis(),
            arn: bus_arn(identity, &bus.name),
            event_bus_name: bus.name.as_str().to_owned(),
            description: bus.description,
        }
    }
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let bus = rpc.call.api.hub.get_bus(&rpc.params.bus()?)?;
    Ok(Success::of(&BusOutput::of(bus, &rpc.call.api.identity)))
}
