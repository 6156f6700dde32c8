//! Replays as JSON.

use kulkul_bus::{EventQuery, Progress, Replay, ReplayError, ReplayState, ReplayTo};
use kulkul_model::Timestamp;
use serde_json::{Map, Value, json};

use super::bus_error;
use crate::answer::chain;
use crate::fc::FcError;

pub(super) fn replay_json(replay: &Replay) -> Value {
    let (rule, target) = match &replay.to {
        ReplayTo::Bus => (None, None),
        ReplayTo::Rule(rule) => (Some(rule.as_str()), None),
        ReplayTo::Target(rule, target) => (Some(rule.as_str()), Some(target.as_str())),
    };
    let reason = match &replay.state {
        ReplayState::Failed { reason, .. } => Some(reason),
        ReplayState::Running | ReplayState::Done { .. } | ReplayState::Cancelled { .. } => None,
    };
    let Progress { first: _, after: _, seen_count, sent_count, unmatched_count, copy_count } =
        replay.progress;
    json!({
        "id": replay.id.as_str(),
        "bus": replay.bus.as_str(),
        "filter": filter_json(&replay.query),
        "rule": rule,
        "target": target,
        "eventsPerSecond": replay.events_per_second,
        "createdAt": replay.created_at.to_string(),
        "endedAt": replay.state.ended_at().map(|at| at.to_string()),
        "state": replay.state.as_str(),
        "reason": reason,
        "fraction": replay.fraction(),
        "seenCount": seen_count,
        "sentCount": sent_count,
        "unmatchedCount": unmatched_count,
        "copyCount": copy_count,
    })
}

/// A query in the words in which it was asked.
fn filter_json(query: &EventQuery) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let words = [
        ("id", query.id.clone()),
        ("source", query.source.clone()),
        ("type", query.kind.clone()),
        ("subject", query.subject.clone()),
        ("rule", query.rule.as_ref().map(ToString::to_string)),
        ("status", query.status.map(|status| status.to_string())),
        ("from", time(query.from)),
        ("to", time(query.to)),
    ];
    let given = words.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
    Value::Object(given.collect::<Map<_, _>>())
}

/// What the hub refused, in the words of this API.
pub(super) fn replay_error(error: ReplayError) -> FcError {
    match error {
        ReplayError::Bus(error) => bus_error(error),
        ReplayError::Unknown { .. } => FcError::not_found("ReplayNotExist", error.to_string()),
        ReplayError::TooMany { .. } => FcError::limit_exceeded(error.to_string()),
        ReplayError::DisabledRule { .. } => FcError::invalid(error.to_string()),
        ReplayError::Store(source) => FcError::store(&source, chain(&source)),
    }
}
