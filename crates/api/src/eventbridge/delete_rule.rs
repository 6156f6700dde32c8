//! DeleteRule.

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (bus, name) = (rpc.params.bus()?, rpc.params.rule()?);
    rpc.call.api.hub.delete_rule(&bus, &name, None).await?;
    tracing::info!(bus = %bus, rule = %name, "deleted a rule");
    Ok(Success::EMPTY)
}
