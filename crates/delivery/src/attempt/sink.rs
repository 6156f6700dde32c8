//! Putting an event on another bus, or sending it to a message queue.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_model::{BusName, MessageQueueName};
use kulkul_transform::Transform;

use super::Tried;
use super::payload::{Payload, payload};
use crate::target::BodyEncoding;
use crate::{Delivery, Outside, SinkError, TargetAnswer, Verdict};

/// Puts the event on another bus.
pub(super) async fn put(delivery: &Delivery, outside: &Outside, bus: &BusName) -> Tried {
    let Some(buses) = &outside.buses else {
        return Tried::without(Verdict::Impossible, "this server has no other buses");
    };
    let answer = answer_of(buses.put(bus, &delivery.record).await);
    Tried { answer, sent: None, invocation: None }
}

/// Sends what the transform makes of the event to a message queue.
pub(super) async fn send(
    delivery: &Delivery,
    outside: &Outside,
    queue: &MessageQueueName,
    body: &Transform,
    encoding: BodyEncoding,
) -> Tried {
    let Some(queues) = &outside.queues else {
        return Tried::without(Verdict::Impossible, "this server has no message queues");
    };
    let Payload { bytes, sent } = match payload(body, delivery) {
        Ok(payload) => payload,
        Err(error) => return Tried::without(Verdict::Impossible, error.to_string()),
    };
    let message = match encoding {
        BodyEncoding::Plain => bytes,
        BodyEncoding::Base64 => STANDARD.encode(bytes).into(),
    };
    Tried { answer: answer_of(queues.send(queue, message).await), sent, invocation: None }
}

fn answer_of(taken: Result<(), SinkError>) -> TargetAnswer {
    match taken {
        Ok(()) => TargetAnswer::new(Verdict::Succeeded, "[200]OK"),
        Err(error @ SinkError::Missing { .. }) => {
            TargetAnswer::new(Verdict::Impossible, format!("[404]{error}"))
        }
        Err(error @ SinkError::Refused { .. }) => {
            TargetAnswer::new(Verdict::Impossible, format!("[400]{error}"))
        }
        Err(error) if error.is_retryable() => TargetAnswer::new(Verdict::Throttled, format!("[503]{error}")),
        Err(error) => {
            tracing::error!(error = %error, "a target of this server cannot store what it is owed");
            TargetAnswer::new(Verdict::Failed, format!("[500]{error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_store::StoreError;

    #[test]
    fn only_our_own_want_of_room_does_not_count() {
        let table = [
            (
                SinkError::Missing { what: "queue `q`".into() },
                Verdict::Impossible,
                "[404]there is no queue `q`",
            ),
            (SinkError::Refused { reason: "a circle".into() }, Verdict::Impossible, "[400]a circle"),
            (StoreError::Busy.into(), Verdict::Throttled, "[503]it cannot be stored"),
            (StoreError::Closed.into(), Verdict::Failed, "[500]it cannot be stored"),
        ];
        for (error, verdict, text) in table {
            let answer = answer_of(Err(error));
            assert_eq!((answer.verdict, answer.answer.as_str()), (verdict, text));
        }
    }
}
