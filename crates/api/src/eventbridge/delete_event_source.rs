//! DeleteEventSource.

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (bus, name) = (rpc.params.bus()?, rpc.params.source()?);
    rpc.call.api.sources.delete(&bus, &name).await?;
    tracing::info!(bus = %bus, source = %name, "deleted an event source");
    Ok(Success::EMPTY)
}
