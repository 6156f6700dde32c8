//! UpdateEventBus.

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (bus, hub) = (rpc.params.bus()?, &rpc.call.api.hub);
    match rpc.params.get("Description") {
        Some(description) => hub.update_bus(&bus, description.to_owned()).await?,
        // Nothing to change; but the bus must be there.
        None => drop(hub.get_bus(&bus)?),
    }
    Ok(Success::EMPTY)
}
