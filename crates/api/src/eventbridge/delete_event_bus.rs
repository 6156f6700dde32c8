//! DeleteEventBus.

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

/// A bus that is not there is no error: `Data` is then `false`.
///
/// Source: EventBridge 2020-04-01, `DeleteEventBus`.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let bus = rpc.params.bus()?;
    let existed = rpc.call.api.sources.delete_bus(&bus).await?;
    if existed {
        tracing::info!(bus = %bus, "deleted an event bus");
    }
    Ok(Success::of_200(&existed))
}
