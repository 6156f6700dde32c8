//! CreateRule.

use kulkul_bus::{NewRule, RESERVED_PREFIX, RuleStatus};
use kulkul_model::rule_arn;
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::params::Params;
use super::reply::Success;
use super::target::{TargetInput, configs};

#[derive(Serialize)]
struct Created {
    #[serde(rename = "RuleARN")]
    arn: String,
}

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let (bus, name) = (params.bus()?, params.rule()?);
    if name.as_str().starts_with(RESERVED_PREFIX) {
        return Err(RpcError::business("EventRuleNameInvalid", format!("the name `{name}` is reserved")));
    }
    let new = NewRule {
        bus,
        name,
        description: params.get("Description").unwrap_or_default().to_owned(),
        pattern: pattern(params)?.to_owned(),
        status: status(params)?.unwrap_or(RuleStatus::Enabled),
        targets: configs(params.structured::<Vec<TargetInput>>("EventTargets")?.unwrap_or_default())?,
        owner: None,
    };
    let rule = rpc.call.api.hub.create_rule(new).await?;
    tracing::info!(bus = %rule.bus, rule = %rule.name, "created a rule");
    Ok(Success::of(&Created { arn: rule_arn(&rpc.call.api.identity, &rule.bus, &rule.name) }))
}

/// `FilterPattern` as it was given. One that is there and empty is refused by the hub, in the words of patterns.
pub(super) fn pattern<'a>(params: &'a Params<'_>) -> Result<&'a str, RpcError> {
    params.get("FilterPattern").ok_or_else(|| RpcError::missing("FilterPattern"))
}

/// `Status`, when it is given.
pub(super) fn status(params: &Params<'_>) -> Result<Option<RuleStatus>, RpcError> {
    match params.get("Status").filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some("ENABLE") => Ok(Some(RuleStatus::Enabled)),
        Some("DISABLE") => Ok(Some(RuleStatus::Disabled)),
        Some(_) => Err(RpcError::invalid("Status")),
    }
}
