//! A target and what it is owed, as JSON.

use kulkul_bus::{Hub, target_of};
use kulkul_delivery::{Circuit, CircuitState, LastFailure, QueueState, TargetReport};
use kulkul_model::Timestamp;
use kulkul_store::QueueId;
use serde_json::{Map, Value, json};

/// Everything known of a target.
pub(super) fn target_json(hub: &Hub, report: &TargetReport) -> Value {
    let TargetReport { queue, plan: _, state, stats, dead_letter_count } = report;
    let mut target = Map::new();
    target.insert("name".into(), queue.0.to_string().into());
    target.extend(whose(hub, report));
    let numbers = json!({
        "state": state_of(state),
        "pendingCount": stats.pending,
        "dueCount": stats.due,
        "inFlightCount": state.in_flight,
        "readyCount": state.ready,
        "deadLetterCount": dead_letter_count,
        "oldestAcceptedAt": time(stats.oldest),
        "nextDueAt": time(stats.next_due),
        "succeededCount": state.succeeded_count,
        "failedCount": state.failed_count,
        "lastSuccessAt": time(state.last_success_at),
        "lastFailure": state.last_failure.as_ref().map(failure_json),
        "circuit": circuit_json(&state.circuit),
    });
    target.extend(members(numbers));
    target.into()
}

/// In one word, the strongest first. `parked` goes on until a probe succeeds.
pub(super) fn state_of(state: &QueueState) -> &'static str {
    match state {
        QueueState { paused: true, .. } => "paused",
        QueueState { blocked: true, .. } => "blocked",
        QueueState { circuit: Circuit { state: CircuitState::Parked { .. }, .. }, .. } => "parked",
        QueueState { circuit: Circuit { state: CircuitState::Recovering { .. }, .. }, .. } => "recovering",
        QueueState { throttled: true, .. } => "throttled",
        _ => "running",
    }
}

/// The words of [`state_of`].
pub(super) const STATES: [&str; 6] = ["paused", "blocked", "parked", "recovering", "throttled", "running"];

/// The rule and target that a queue belongs to, or the function.
fn whose(hub: &Hub, report: &TargetReport) -> Map<String, Value> {
    let (queue, is_target) = match report.queue.0.strip_prefix("dlq/") {
        Some(target) => (QueueId(target.into()), false),
        None => (report.queue.clone(), true),
    };
    let whose = match target_of(&queue) {
        Some((bus, rule, id)) => {
            let rule_found = hub.get_rule(&bus, &rule).ok();
            let target = rule_found.as_ref().and_then(|rule| rule.targets.iter().find(|of| of.id == id));
            json!({
                "bus": bus.as_str(),
                "rule": rule.as_str(),
                "target": id.as_str(),
                "type": if is_target { target.map(|target| target.kind.as_str()) } else { Some("dead-letter-queue") },
                "endpoint": target.and_then(|target| match is_target {
                    true => Some(target.endpoint.as_str()),
                    false => target.dead_letter_arn.as_deref(),
                }),
            })
        }
        None => json!({"type": "acs.fc.function"}),
    };
    members(whose)
}

fn failure_json(failure: &LastFailure) -> Value {
    json!({
        "at": failure.at.to_string(),
        "id": failure.id,
        "attempt": failure.attempt,
        "answer": failure.answer,
    })
}

fn circuit_json(circuit: &Circuit) -> Value {
    let mut fields = Map::new();
    fields.insert("failuresInRow".into(), circuit.failures_in_row.into());
    fields.extend(members(match circuit.state {
        CircuitState::Closed => json!({"state": "closed"}),
        CircuitState::Parked { since, until, pause_count } => json!({
            "state": "parked",
            "parkedSince": since.to_string(),
            "probeAt": until.to_string(),
            "pauseCount": pause_count,
        }),
        CircuitState::Recovering { attempts_max } => {
            json!({"state": "recovering", "attemptsAtOnceMax": attempts_max})
        }
    }));
    fields.into()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A point in time; "never" is none.
pub(super) fn time(at: Option<Timestamp>) -> Option<String> {
    at.filter(|at| *at < Timestamp::MAX).map(|at| at.to_string())
}
