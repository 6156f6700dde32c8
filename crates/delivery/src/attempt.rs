//! One attempt at one delivery: call the target, decide what follows.

use std::num::NonZeroU32;

use bytes::Bytes;
use kulkul_model::{Event, InvocationId, Timestamp};
use kulkul_store::{AttemptRecord, NextState, QueueId, Record};
use kulkul_transform::{TooLarge, Transform};
use tokio::time::Instant;

use crate::caller::{FunctionAnswer, FunctionCall, FunctionCaller, InvocationMode, Verdict};
use crate::{Call, Delivery, Failure, NextStep, Plan, after_failure};

/// An attempt that came to an end.
pub(crate) struct Made {
    pub(crate) answer: FunctionAnswer,
    pub(crate) record: AttemptRecord,
    /// What the target received, when later attempts must receive the same and it is not the event itself.
    pub(crate) sent: Option<Bytes>,
}

/// What follows an attempt that counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) next: NextState,
    /// Whether the delivery is at its end, well or not.
    pub(crate) ended: bool,
    /// Whether those behind it have to wait.
    pub(crate) block: bool,
}

/// Calls the target.
pub(crate) async fn make(
    plan: &Plan,
    delivery: &Delivery,
    caller: &dyn FunctionCaller,
    started_at: Timestamp,
) -> Made {
    let begun = Instant::now();
    let (function, qualifier, mode, payload, sent) = match &plan.call {
        Call::Function { function, qualifier, mode, body } => {
            let kept = delivery.note.clone().filter(|_| !body.is_original());
            let made = kept.map_or_else(|| payload_of(body, &delivery.record), Ok);
            let payload = match made {
                Ok(payload) => payload,
                Err(error) => return refused(delivery, started_at, &error),
            };
            let sent = (!body.is_original()).then(|| payload.clone());
            (function, qualifier, *mode, payload, sent)
        }
        // The handler runs within this attempt: what is asynchronous about it lies behind us.
        Call::Invocation { function, qualifier } => {
            (function, qualifier, InvocationMode::Sync, delivery.record.body.clone(), None)
        }
    };
    let invocation = match &plan.call {
        Call::Function { .. } => InvocationId::new(started_at),
        Call::Invocation { .. } => InvocationId::from_text(&delivery.record.key.id),
    };
    let call = FunctionCall {
        function: function.clone(),
        qualifier: qualifier.clone(),
        payload,
        invocation: invocation.clone(),
        mode,
        failed: delivery.failed,
    };
    let answer = caller.call(call).await;
    let record = AttemptRecord {
        number: delivery.failed + 1,
        started_at,
        elapsed_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        succeeded: answer.verdict == Verdict::Succeeded,
        answer: answer.answer.clone(),
        invocation: Some(invocation.as_str().to_owned()),
        log: answer.log.clone(),
    };
    Made { answer, record, sent }
}

/// Decides what follows. `Throttled` comes here only when the delivery is too old to wait any longer.
pub(crate) fn decide(plan: &Plan, delivery: &Delivery, made: &Made, now: Timestamp, roll: f64) -> Decision {
    let retryable = match made.answer.verdict {
        Verdict::Succeeded => return Decision { next: NextState::Done, ended: true, block: false },
        Verdict::Failed => true,
        Verdict::Impossible | Verdict::Throttled => false,
    };
    let failed = NonZeroU32::MIN.saturating_add(delivery.failed);
    match after_failure(&plan.policy, failed, retryable, delivery.record.accepted_at, now, roll) {
        NextStep::RetryAt(not_before) => {
            let next = NextState::Waiting { not_before, failed: failed.get(), note: made.sent.clone() };
            Decision { next, ended: false, block: false }
        }
        NextStep::DeadLetter => {
            let next = given_up(delivery, failed.get(), made.answer.answer.clone(), now);
            Decision { next, ended: true, block: false }
        }
        // Due before everybody else, and with all its attempts, when somebody lets the target go on.
        NextStep::Block => {
            let not_before = delivery.record.accepted_at;
            let next = NextState::Waiting { not_before, failed: 0, note: made.sent.clone() };
            Decision { next, ended: false, block: true }
        }
    }
}

/// What becomes of a delivery whose lease is given back.
pub(crate) fn as_it_was(delivery: &Delivery) -> NextState {
    NextState::Waiting {
        not_before: delivery.not_before,
        failed: delivery.failed,
        note: delivery.note.clone(),
    }
}

/// What becomes of a delivery that is given up.
pub(crate) fn given_up(delivery: &Delivery, attempt_count: u32, answer: String, now: Timestamp) -> NextState {
    let failure = Failure { queue: delivery.queue.clone(), attempt_count, at: now, answer };
    NextState::Moved {
        queue: dead_letters_of(&delivery.queue),
        // Nobody leases from there; dead letters stand in the order in which they were given up.
        not_before: now,
        note: Some(failure.to_note()),
    }
}

/// The queue that keeps the dead letters of a queue.
pub(crate) fn dead_letters_of(queue: &QueueId) -> QueueId {
    QueueId(format!("dead/{queue}").into())
}

fn payload_of(body: &Transform, record: &Record) -> Result<Bytes, TooLarge> {
    match body.is_original() {
        true => Ok(record.body.clone()),
        false => body.apply(&event_of(record)),
    }
}

/// An attempt that ended before the target was called.
fn refused(delivery: &Delivery, started_at: Timestamp, error: &TooLarge) -> Made {
    let answer = FunctionAnswer {
        verdict: Verdict::Impossible,
        answer: error.to_string(),
        function_error: None,
        response: Bytes::new(),
        log: None,
    };
    let record = AttemptRecord {
        number: delivery.failed + 1,
        started_at,
        elapsed_micros: 0,
        succeeded: false,
        answer: answer.answer.clone(),
        invocation: None,
        log: None,
    };
    Made { answer, record, sent: None }
}

fn event_of(record: &Record) -> Event {
    let key = &record.key;
    let subject = Some(key.subject.clone()).filter(|subject| !subject.is_empty());
    Event::from_stored(record.body.clone(), key.id.clone(), key.source.clone(), key.kind.clone(), subject)
}
