//! ListAsyncInvokeConfigs.

use kulkul_function::Page;
use serde::Serialize;

use super::async_config::AsyncConfigOutput;
use super::error::FcError;
use super::{Rest, query, reply};
use crate::answer::Answer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    configs: Vec<AsyncConfigOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let given = rest.query.get("functionName").filter(|name| !name.is_empty());
    let function = given.map(str::parse).transpose()?;
    let page = query::page(&rest.query)?;
    let Page { items, next_token } = rest.call.api.functions.list_async_configs(function.as_ref(), &page)?;
    let configs = items.iter().map(|config| AsyncConfigOutput::of(config, &rest.call.api.identity)).collect();
    Ok(reply::json(&Listed { configs, next_token }))
}
