//! The dead-letter queue of a target: where its dead letters go when it names one.
//!
//! What is given up at such a target moves to a queue of its own, `dlq/{target}`, in the settling commit. From there it
//! is delivered like to any target: the original event, until the dead-letter queue has taken it. What it cannot take,
//! and what is left when the target is taken away, is kept as a dead letter here.

use kulkul_model::{EventBusArn, MessageQueueArn};
use kulkul_store::{Delivery, EventLog, NextState, QueueId, Settlement, StoreError};

use kulkul_transform::Transform;

use crate::target::BodyEncoding;
use crate::{
    Call, ErrorsTolerance, Failure, Plan, Policy, RetryStrategy, TargetConfig, TargetError, attempt,
};

/// What the names of these queues start with.
const PREFIX: &str = "dlq/";
/// Deliveries that are moved together.
const AT_ONCE: usize = 200;

/// The forms of an ARN that a dead-letter queue can have here.
///
/// Source: EventBridge 2020-04-01, `DeadLetterQueue.Arn`, which also takes topics of RocketMQ and Kafka.
pub(crate) const SUPPORTED: &[&str] =
    &["acs:eventbridge:{region}:{account}:eventbus/{bus}", "acs:mns:{region}:{account}:/queues/{queue}"];

/// The queue of what a target's dead-letter queue is owed.
pub(crate) fn queue_of(target: &QueueId) -> QueueId {
    QueueId(format!("{PREFIX}{target}").into())
}

/// The target whose dead-letter queue is owed this; `None` when it is another queue.
pub(crate) fn target_of(queue: &QueueId) -> Option<QueueId> {
    queue.0.strip_prefix(PREFIX).map(|target| QueueId(target.into()))
}

/// What is called for the dead letters of a target, when it names a queue.
pub(crate) fn call(target: &TargetConfig) -> Result<Option<Call>, TargetError> {
    let Some(arn) = &target.dead_letter_arn else { return Ok(None) };
    if let Ok(EventBusArn { bus }) = arn.parse() {
        return Ok(Some(Call::Bus { bus }));
    }
    if let Ok(MessageQueueArn { queue }) = arn.parse() {
        let (body, encoding) = (Transform::Original, BodyEncoding::Plain);
        return Ok(Some(Call::Queue { queue, body, encoding }));
    }
    Err(TargetError::UnknownDeadLetterQueue { id: target.id.clone(), arn: arn.clone() })
}

/// The plan for what a target's dead-letter queue is owed.
pub(crate) fn plan(target: &QueueId, call: Call) -> Plan {
    Plan {
        queue: queue_of(target),
        call,
        policy: Policy { retry: RetryStrategy::UntilTaken, tolerance: ErrorsTolerance::All, age_max: None },
        concurrency: None,
        epilogue: None,
        dead_letters: None,
    }
}

/// Keeps as dead letters what a dead-letter queue was still owed. Nobody delivers to it any more.
pub(crate) async fn keep_what_is_left(
    log: &dyn EventLog,
    target: &QueueId,
    now: kulkul_model::Timestamp,
) -> Result<(), StoreError> {
    let queue = queue_of(target);
    loop {
        let left = log.browse(&queue, None, AT_ONCE).await?;
        if left.is_empty() {
            return Ok(());
        }
        let keep = |delivery: &Delivery| Settlement {
            delivery: delivery.id(),
            next: NextState::Moved {
                queue: attempt::dead_letters_of(target),
                not_before: now,
                note: delivery.note.clone(),
            },
            attempt: None,
        };
        log.settle(left.iter().map(keep).collect()).await?;
    }
}

/// The last failure of a delivery that is given up: at its target, or at the target's dead-letter queue.
pub(crate) fn failure_of(
    delivery: &Delivery,
    attempt_count: u32,
    answer: String,
    at: kulkul_model::Timestamp,
) -> Failure {
    let Some(queue) = target_of(&delivery.queue) else {
        return Failure { queue: delivery.queue.clone(), attempt_count, at, answer };
    };
    let before = delivery.note.as_deref().and_then(Failure::from_note);
    let (attempt_count, first) = before.map_or((0, String::new()), |f| (f.attempt_count, f.answer));
    Failure { queue, attempt_count, at, answer: format!("{first}; the dead-letter queue: {answer}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParamForm, TargetParam};

    fn config(arn: Option<&str>) -> TargetConfig {
        TargetConfig {
            id: "t1".parse().unwrap(),
            kind: "acs.fc.function".to_owned(),
            endpoint: "acs:fc:cn-hangzhou:1:functions/resize".to_owned(),
            params: vec![TargetParam {
                key: "Body".to_owned(),
                form: ParamForm::Original,
                value: None,
                template: None,
            }],
            retry: RetryStrategy::Backoff,
            tolerance: ErrorsTolerance::All,
            concurrency: None,
            age_max: None,
            dead_letter_arn: arn.map(str::to_owned),
        }
    }

    #[test]
    fn a_dead_letter_queue_is_a_bus_or_a_message_queue() {
        assert_eq!(call(&config(None)), Ok(None));
        let bus = call(&config(Some("acs:eventbridge:cn-hangzhou:1:eventbus/repair")));
        assert_eq!(bus, Ok(Some(Call::Bus { bus: "repair".parse().unwrap() })));
        let queue = call(&config(Some("acs:mns:cn-hangzhou:1:/queues/q")));
        let expected = Call::Queue {
            queue: "q".parse().unwrap(),
            body: Transform::Original,
            encoding: BodyEncoding::Plain,
        };
        assert_eq!(queue, Ok(Some(expected)));
        for arn in [
            "acs:mns:cn-hangzhou:1:/topics/t",
            "acs:mq:cn-hangzhou:1:/instances/i/topic/t",
            "acs:alikafka:cn-hangzhou:1:instance/i/topic/t",
            "q",
        ] {
            let error = config(Some(arn)).compile(QueueId("q".into())).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(arn) && error.contains("acs:eventbridge:"), "{arn}: {error}");
        }
    }
}
