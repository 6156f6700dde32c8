//! The targets of all rules and functions with what they are owed, by name.

use kulkul_store::QueueId;
use serde_json::{Value, json as value};

use super::json;
use super::target_json::{STATES, state_of, target_json};
use super::target_query::{TargetWords, limit};
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;
use crate::query::Query;

/// Targets of one page: unless asked otherwise, and at most. Each costs a look at all that it is owed.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 100;
/// Targets that are looked at for one page, whether they are on it or not.
const LOOKED_AT_MAX: usize = 10_000;

pub(super) async fn run(call: Call<'_>) -> Result<Answer, FcError> {
    let query = Query::parse(call.query());
    let words = TargetWords::read(&query)?;
    let state = query.get("state").filter(|text| !text.is_empty());
    if let Some(unknown) = state.filter(|state| !STATES.contains(state)) {
        return Err(FcError::invalid(format!("state: `{unknown}` is none of {}", STATES.join(", "))));
    }
    let limit = limit(query.get("limit"), LIMIT, LIMIT_MAX)?;
    let after = query.get("after").filter(|text| !text.is_empty()).map(|text| QueueId(text.into()));
    let dispatcher = call.api.hub.dispatcher();
    let mut shown: Vec<Value> = Vec::new();
    let mut next = None;
    let mut last: Option<QueueId> = None;
    let names = match words.name() {
        Some(name) if after.as_ref().is_some_and(|after| name <= after) => Vec::new(),
        // Whoever asks for one does not make the server walk past all others.
        Some(name) => vec![name.clone()],
        None => dispatcher.targets(after.as_ref()),
    };
    for (index, name) in names.into_iter().enumerate() {
        if shown.len() >= limit || index >= LOOKED_AT_MAX {
            next = last;
            break;
        }
        last = Some(name.clone());
        let of_state = |name: &QueueId| {
            let now = dispatcher.queue_state(name);
            state.is_none_or(|wanted| now.is_some_and(|now| state_of(&now) == wanted))
        };
        if !words.wants(&name) || !of_state(&name) {
            continue;
        }
        let report = dispatcher.target(&name).await.map_err(|error| FcError::store(&error, chain(&error)))?;
        shown.extend(report.iter().map(|report| target_json(&call.api.hub, report)));
    }
    let next = next.map(|queue| queue.0.to_string());
    Ok(json(value!({"targets": shown, "next": next}).to_string()))
}
