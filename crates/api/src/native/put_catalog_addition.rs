//! Stores additions to the catalog under a name, in the place of those that had it.

use bytes::Bytes;
use kulkul_source::{Addition, AdditionForm, AdditionName};
use serde_json::{Value, json as value};

use super::json;
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;

/// The body is what a file would hold: TOML when the content type says so, else JSON.
pub(super) async fn run(call: Call<'_>, name: &str, body: &Bytes) -> Result<Answer, FcError> {
    let name: AdditionName = name.parse()?;
    let text = std::str::from_utf8(body).map_err(|_| FcError::invalid("the body is not UTF-8"))?;
    let form = match call.header("content-type") {
        Some(kind) if kind.starts_with("application/toml") => AdditionForm::Toml,
        _ => AdditionForm::Json,
    };
    let addition = call.api.sources.put_addition(name.clone(), form, text.to_owned()).await?;
    tracing::info!(addition = %name, "stored catalog additions");
    let answer = addition_json(&name, &addition).to_string();
    Ok(json(answer))
}

/// What is told of additions.
pub(super) fn addition_json(name: &AdditionName, addition: &Addition) -> Value {
    value!({"name": name.as_str(), "sources": addition.source_names().collect::<Vec<_>>()})
}
