//! Redrives: all of them, one, and the end of one before its time.

use serde_json::{Value, json as value};

use super::json;
use super::redrive_json::{redrive_json, unknown};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;

pub(super) fn run(call: Call<'_>, id: &str) -> Result<Answer, FcError> {
    let Ok(parsed) = id.parse();
    let redrive = call.api.redrives.get(&parsed).ok_or_else(|| unknown(id))?;
    Ok(json(redrive_json(&redrive).to_string()))
}

/// Those at work and the last ones that have ended, newest first.
pub(super) fn list(call: Call<'_>) -> Answer {
    let redrives: Vec<Value> = call.api.redrives.list().iter().map(redrive_json).collect();
    json(value!({"redrives": redrives}).to_string())
}

/// Ends a redrive. What was sent again stays sent.
pub(super) async fn cancel(call: Call<'_>, id: &str) -> Result<Answer, FcError> {
    let Ok(parsed) = id.parse();
    let redrive = call.api.redrives.cancel(&parsed).await.ok_or_else(|| unknown(id))?;
    Ok(json(redrive_json(&redrive).to_string()))
}
