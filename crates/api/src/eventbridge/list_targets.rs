//! ListTargets.

use std::sync::Arc;

use kulkul_bus::Rule;
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::page::Page;
use super::reply::Success;
use super::target::TargetOutput;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    targets: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item<'a> {
    event_bus_name: &'a str,
    rule_name: &'a str,
    #[serde(flatten)]
    target: TargetOutput<'a>,
}

/// Of one rule, of one bus or of all buses, as far as the request says; `Arn` keeps those with that endpoint.
pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, page) = (rpc.params, Page::asked(rpc.params)?);
    let given = |name| params.get(name).filter(|text: &&str| !text.is_empty());
    let rules = rules(rpc, given("EventBusName").is_some(), given("RuleName").is_some())?;
    let arn = given("Arn");
    let all: Vec<Item<'_>> = rules
        .iter()
        .flat_map(|rule| rule.targets.iter().map(move |target| (rule, target)))
        .filter(|(_, target)| arn.is_none_or(|arn| target.endpoint == arn))
        .map(|(rule, target)| Item {
            event_bus_name: rule.bus.as_str(),
            rule_name: rule.name.as_str(),
            target: TargetOutput::of(target, rpc.secrets),
        })
        .collect();
    let total = all.len();
    let targets = all.into_iter().skip(page.offset).take(page.limit).collect();
    Ok(Success::of(&Listed { targets, next_token: page.next_token(total), total }))
}

fn rules(rpc: Rpc<'_>, bus_given: bool, rule_given: bool) -> Result<Vec<Arc<Rule>>, RpcError> {
    let hub = &rpc.call.api.hub;
    if rule_given {
        return Ok(vec![hub.get_rule(&rpc.params.bus()?, &rpc.params.rule()?)?]);
    }
    if bus_given {
        return Ok(hub.list_rules(&rpc.params.bus()?, "", 0, usize::MAX)?.rules);
    }
    let mut all = Vec::new();
    for bus in hub.list_buses("") {
        all.extend(hub.list_rules(&bus.name, "", 0, usize::MAX)?.rules);
    }
    Ok(all)
}
