//! One target with what it is owed.

use kulkul_store::QueueId;

use super::json;
use super::target_json::target_json;
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, name: &str) -> Result<Answer, FcError> {
    let report = call.api.hub.dispatcher().target(&QueueId(name.into())).await;
    let report = report.map_err(|error| FcError::store(&error, chain(&error)))?;
    let report = report.ok_or_else(|| unknown(name))?;
    let body = target_json(&call.api.hub, &report).to_string();
    Ok(json(body))
}

pub(super) fn unknown(name: &str) -> FcError {
    FcError::not_found("EventTargetNotExist", format!("there is no target `{name}`"))
}
