//! GetRule.

use kulkul_bus::{Rule, RuleStatus};
use kulkul_model::{Identity, rule_arn};
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;
use super::target::{Empty, TargetOutput};
use crate::gate::Secrets;

/// A rule as it is shown here and in lists.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuleOutput<'a> {
    created_timestamp: i64,
    /// What the data plane calls it.
    ctime: i64,
    description: &'a str,
    detail_map: Empty,
    event_bus_name: &'a str,
    filter_pattern: &'a str,
    #[serde(rename = "RuleARN")]
    arn: String,
    rule_name: &'a str,
    status: &'static str,
    targets: Vec<TargetOutput<'a>>,
}

impl<'a> RuleOutput<'a> {
    pub(super) fn of(rule: &'a Rule, identity: &Identity, secrets: Secrets) -> Self {
        Self {
            created_timestamp: rule.created_at.as_millis(),
            ctime: rule.created_at.as_millis(),
            description: &rule.description,
            detail_map: Empty {},
            event_bus_name: rule.bus.as_str(),
            filter_pattern: &rule.pattern,
            arn: rule_arn(identity, &rule.bus, &rule.name),
            rule_name: rule.name.as_str(),
            status: match rule.status {
                RuleStatus::Enabled => "ENABLE",
                RuleStatus::Disabled => "DISABLE",
            },
            targets: rule.targets.iter().map(|target| TargetOutput::of(target, secrets)).collect(),
        }
    }
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let rule = rpc.call.api.hub.get_rule(&rpc.params.bus()?, &rpc.params.rule()?)?;
    Ok(Success::of(&RuleOutput::of(&rule, &rpc.call.api.identity, rpc.secrets)))
}
