//! DisableRule.

use kulkul_bus::RuleStatus;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    rpc.call.api.hub.set_status(&rpc.params.bus()?, &rpc.params.rule()?, RuleStatus::Disabled).await?;
    Ok(Success::EMPTY)
}
