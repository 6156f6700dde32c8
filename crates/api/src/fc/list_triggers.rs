//! ListTriggers.

use kulkul_function::Page;
use serde::Serialize;

use super::error::FcError;
use super::trigger_output::TriggerOutput;
use super::{Rest, query, reply};
use crate::answer::Answer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    triggers: Vec<TriggerOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let prefix = rest.query.get("prefix").unwrap_or_default();
    let page = query::page(&rest.query)?;
    let found = rest.call.api.triggers.list(&rest.function()?, prefix, &page).await?;
    let Page { items, next_token } = found;
    let triggers = items.iter().map(|trigger| TriggerOutput::of(trigger, &rest.call.api.identity)).collect();
    Ok(reply::json(&Listed { triggers, next_token }))
}
