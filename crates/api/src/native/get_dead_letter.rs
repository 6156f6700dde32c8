//! One dead letter: what was owed, why it was given up, and every attempt.

use kulkul_delivery::{DeadLetter, DeadLetterId};
use serde_json::value::RawValue;
use serde_json::{Value, json as value};

use super::dead_letter_json::dead_letter_json;
use super::json;
use super::trace_event::attempt_json;
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, id: &str) -> Result<Answer, FcError> {
    let letter = find(call, id).await?;
    let traced = call.api.hub.trace_record(&letter.record).await;
    let traced = traced.map_err(|error| FcError::store(&error, chain(&error)))?;
    let attempts = traced.iter().flat_map(|traced| &traced.attempts);
    let attempts = attempts.filter(|(queue, _)| *queue == letter.id.target);
    let attempts: Vec<Value> = attempts.map(|(_, attempt)| attempt_json(attempt)).collect();
    let mut shown = dead_letter_json(&letter);
    shown.insert("attempts".into(), attempts.into());
    shown.insert("traceId".into(), letter.record.trace_id.to_string().into());
    let mut text = Value::Object(shown).to_string();
    text.truncate(text.len() - 1);
    // The event stands in it as it was accepted, byte for byte.
    let body = format!("{text},\"event\":{}}}", payload(&letter));
    Ok(json(body))
}

/// The dead letter that a path names.
pub(super) async fn find(call: Call<'_>, id: &str) -> Result<DeadLetter, FcError> {
    let id: DeadLetterId = id.parse().map_err(|_| unknown(id))?;
    let found = call.api.hub.dispatcher().dead_letter(&id).await;
    found.map_err(|error| FcError::store(&error, chain(&error)))?.ok_or_else(|| unknown(&id.to_string()))
}

pub(super) fn unknown(id: &str) -> FcError {
    FcError::not_found("DeadLetterNotExist", format!("there is no dead letter `{id}`"))
}

/// What was owed: JSON as it is, anything else as a string.
fn payload(letter: &DeadLetter) -> String {
    let text = std::str::from_utf8(&letter.record.body);
    match text.ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) {
        Some(raw) => raw.get().to_owned(),
        None => value!(String::from_utf8_lossy(&letter.record.body)).to_string(),
    }
}
