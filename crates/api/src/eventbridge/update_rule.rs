//! UpdateRule.

use kulkul_bus::RuleUpdate;

use super::Rpc;
use super::create_rule::{pattern, status};
use super::error::RpcError;
use super::reply::Success;

/// Replaces pattern, description and status, never the targets. What is absent stays; a description that is there and
/// empty clears.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let (bus, name) = (params.bus()?, params.rule()?);
    let update = RuleUpdate {
        description: params.get("Description").map(str::to_owned),
        pattern: Some(pattern(params)?.to_owned()),
        status: status(params)?,
        targets: None,
    };
    rpc.call.api.hub.update_rule(&bus, &name, update, None).await?;
    Ok(Success::of(&true))
}
