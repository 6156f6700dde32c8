//! Redrives as JSON.

use kulkul_delivery::{DeadLetterFilter, Redrive, RedriveError, RedriveState};
use kulkul_store::QueueId;
use serde_json::{Map, Value, json};

use super::get_target;
use super::target_json::time;
use crate::answer::chain;
use crate::fc::FcError;

pub(super) fn redrive_json(redrive: &Redrive) -> Value {
    let (state, reason) = match &redrive.state {
        RedriveState::Running => ("running", None),
        RedriveState::Done => ("done", None),
        RedriveState::Canceled => ("canceled", None),
        RedriveState::Failed { reason } => ("failed", Some(reason)),
    };
    json!({
        "id": redrive.id.to_string(),
        "state": state,
        "reason": reason,
        "filter": filter_json(&redrive.order.filter),
        "to": redrive.order.to.as_ref().map(name),
        "lettersPerSecond": redrive.order.per_second,
        "foundCount": redrive.found_count,
        "sentCount": redrive.sent_count,
        "keptCount": redrive.kept_count,
        "orderedAt": redrive.ordered_at.to_string(),
        "changedAt": redrive.changed_at.to_string(),
    })
}

/// What the redrives refused, in the words of this API.
pub(super) fn redrive_error(error: RedriveError) -> FcError {
    match error {
        RedriveError::UnknownTarget { target } => get_target::unknown(&target.0),
        RedriveError::UnfitTarget { .. } => FcError::invalid(format!("to: {error}")),
        RedriveError::TooMany { .. } => FcError::limit_exceeded(error.to_string()),
        RedriveError::Store(source) => FcError::store(&source, chain(&source)),
    }
}

pub(super) fn unknown(id: &str) -> FcError {
    FcError::not_found("RedriveNotExist", format!("there is no redrive `{id}`"))
}

fn filter_json(filter: &DeadLetterFilter) -> Value {
    let words = [
        ("name", filter.target.as_ref().map(name)),
        ("namePrefix", filter.target_prefix.clone()),
        ("source", filter.source.clone()),
        ("type", filter.kind.clone()),
        ("from", time(filter.from)),
        ("to", time(filter.to)),
    ];
    let given = words.into_iter().filter_map(|(word, text)| Some((word.to_owned(), text?.into())));
    Value::Object(given.collect::<Map<_, _>>())
}

fn name(queue: &QueueId) -> String {
    queue.0.to_string()
}
