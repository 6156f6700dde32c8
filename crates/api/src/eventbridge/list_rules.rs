//! ListRules.

use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::get_rule::RuleOutput;
use super::page::Page;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    rules: Vec<RuleOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, page) = (rpc.params, Page::asked(rpc.params)?);
    let prefix = params.get("RuleNamePrefix").unwrap_or_default();
    let found = rpc.call.api.hub.list_rules(&params.bus()?, prefix, page.offset, page.limit)?;
    let identity = &rpc.call.api.identity;
    let rules = found.rules.iter().map(|rule| RuleOutput::of(rule, identity, rpc.secrets)).collect();
    Ok(Success::of(&Listed { rules, next_token: page.next_token(found.total), total: found.total }))
}
