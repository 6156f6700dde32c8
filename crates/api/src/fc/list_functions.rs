//! ListFunctions.

use kulkul_function::{FunctionFilter, Page, Tag};
use serde::Serialize;
use serde_json::Value;

use super::error::FcError;
use super::function_input::TagInput;
use super::{Rest, function_output, query, reply};
use crate::answer::Answer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    functions: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let given = |name: &str| rest.query.get(name).filter(|text| !text.is_empty());
    if given("fcVersion").is_some_and(|version| version.eq_ignore_ascii_case("v2")) {
        // There are no functions of the former generation here.
        return Ok(reply::json(&Listed { functions: Vec::new(), next_token: None }));
    }
    let tags = match given("tags") {
        Some(text) => serde_json::from_str::<Vec<TagInput>>(text)
            .map_err(|error| FcError::invalid(format!("tags: {error}")))?,
        None => Vec::new(),
    };
    let filter = FunctionFilter {
        prefix: given("prefix").unwrap_or_default().to_owned(),
        tags: tags.into_iter().map(Tag::from).collect(),
        runtime: given("runtime").map(str::to_owned),
        description: given("description").map(str::to_owned),
    };
    let Page { items, next_token } = rest.call.api.functions.list(&filter, &query::page(&rest.query)?)?;
    let wanted = given("functionName");
    let mut functions = Vec::with_capacity(items.len());
    for function in items.iter().filter(|function| wanted.is_none_or(|name| function.name.as_str() == name)) {
        functions.push(function_output::function(&rest.call.api.functions, function, None).await);
    }
    Ok(reply::json(&Listed { functions, next_token }))
}
