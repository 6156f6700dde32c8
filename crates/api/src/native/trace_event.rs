//! Everything known of an event: accepted, matched, each attempt with the function's log, what is still owed.

use kulkul_bus::rule_and_target;
use kulkul_delivery::{Dispatcher, Failure};
use kulkul_model::{BusName, Timestamp};
use kulkul_store::{AttemptRecord, PendingDelivery, QueueId, Record, TracedRecord};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{bus_error, json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, bus: &BusName, event_id: &str) -> Result<Answer, FcError> {
    let traced = call.api.hub.trace(bus, event_id).await.map_err(bus_error)?;
    let events: Vec<String> = traced.iter().map(event_json).collect();
    let body = format!("{{\"events\":[{}]}}", events.join(","));
    Ok(json(body))
}

/// One acceptance. The event stands in it as it was accepted, byte for byte.
pub(super) fn event_json(traced: &TracedRecord) -> String {
    let record = &traced.record;
    let deliveries: Vec<Value> = traced.routes.iter().map(|queue| delivery_json(queue, traced)).collect();
    format!(
        "{{\"event\":{},\"traceId\":\"{}\",\"acceptedAt\":\"{}\",\"deliveries\":{}}}",
        body_json(record),
        record.trace_id,
        record.accepted_at,
        Value::from(deliveries),
    )
}

/// The text of a stored event; `null` when it is none.
pub(super) fn body_json(record: &Record) -> &str {
    let event = serde_json::from_slice::<&RawValue>(&record.body).ok();
    event.map_or("null", RawValue::get)
}

fn delivery_json(queue: &QueueId, traced: &TracedRecord) -> Value {
    let (rule, target) = rule_and_target(queue).unwrap_or_default();
    let attempts = traced.attempts.iter().filter(|(of, _)| of == queue).map(|(_, attempt)| attempt);
    let mut delivery = Map::new();
    delivery.insert("rule".into(), rule.into());
    delivery.insert("target".into(), target.into());
    delivery.extend(state_of(queue, traced));
    delivery.insert("attempts".into(), attempts.map(attempt_json).collect::<Vec<_>>().into());
    delivery.into()
}

/// Where the delivery stands.
fn state_of(queue: &QueueId, traced: &TracedRecord) -> Map<String, Value> {
    let dead_letters = Dispatcher::dead_letters_of(queue);
    let to_queue = QueueId(format!("dlq/{queue}").into());
    let taken = traced.attempts.iter().any(|(of, attempt)| *of == to_queue && attempt.succeeded);
    let pending = |on: &QueueId| traced.pending.iter().find(|pending| pending.queue == *on);
    let last = traced.attempts.iter().rev().find(|(of, _)| of == queue).map(|(_, attempt)| attempt);
    let state = match (pending(queue), pending(&dead_letters), last) {
        (Some(PendingDelivery { not_before, .. }), _, _) if *not_before < Timestamp::MAX => {
            serde_json::json!({"state": "waiting", "nextAt": not_before.to_string()})
        }
        (Some(_), _, _) => serde_json::json!({"state": "waiting"}),
        (None, Some(letter), _) => {
            let failure = letter.note.as_deref().and_then(Failure::from_note);
            serde_json::json!({"state": "dead-lettered", "lastAnswer": failure.map(|failure| failure.answer)})
        }
        (None, None, _) if taken => serde_json::json!({"state": "dead-lettered", "sentToQueue": true}),
        (None, None, _) if pending(&to_queue).is_some() => {
            serde_json::json!({"state": "dead-lettered", "sentToQueue": false})
        }
        (None, None, Some(attempt)) if attempt.succeeded => serde_json::json!({"state": "delivered"}),
        (None, None, _) => {
            let reason = "discarded, sent to another target, or the rule or target was taken away";
            serde_json::json!({"state": "ended", "reason": reason})
        }
    };
    match state {
        Value::Object(state) => state,
        _ => Map::new(),
    }
}

pub(super) fn attempt_json(attempt: &AttemptRecord) -> Value {
    serde_json::json!({
        "number": attempt.number,
        "startedAt": attempt.started_at.to_string(),
        "elapsedMicros": attempt.elapsed_micros,
        "succeeded": attempt.succeeded,
        "answer": attempt.answer,
        "invocationId": attempt.invocation,
        "log": attempt.log,
    })
}
