//! One attempt at one delivery: call the target, decide what follows.
//!
//! Each type of target has a file here that calls it, and one in `target/` that reads its parameters.

mod destination;
mod function;
mod payload;
mod push;
mod sink;

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{InvocationId, Timestamp};
use kulkul_store::{AttemptRecord, NextState, QueueId, Settlement};
use tokio::time::Instant;

use crate::dead_letter_queue;
use crate::outside::Outside;
use crate::{Call, Delivery, NextStep, Plan, TargetAnswer, Verdict, after_failure};

pub use push::{answer_of, chain};

/// The longest time that a target may ask to be left alone for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// An attempt that came to an end.
pub(crate) struct Made {
    pub(crate) answer: TargetAnswer,
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

/// What a call of a target came to.
struct Tried {
    answer: TargetAnswer,
    /// See [`Made::sent`].
    sent: Option<Bytes>,
    /// The id of the invocation, when a function was called.
    invocation: Option<InvocationId>,
}

/// Calls the target.
pub(crate) async fn make(plan: &Plan, delivery: &Delivery, outside: &Outside, started_at: Timestamp) -> Made {
    let begun = Instant::now();
    let Tried { answer, sent, invocation } = match &plan.call {
        Call::Function { function, qualifier, mode, body } => {
            function::call(delivery, outside, started_at, (function, qualifier), *mode, body).await
        }
        Call::Invocation { function, qualifier } => {
            function::invoke(delivery, outside, (function, qualifier)).await
        }
        Call::Push { url, token, body } => {
            push::push(delivery, outside, started_at, url, token.as_deref(), body).await
        }
        Call::Destination { destination, headers, query, body } => {
            let parts =
                destination::Parts { headers: headers.as_ref(), query: query.as_ref(), body: body.as_ref() };
            destination::call(delivery, outside, destination, parts).await
        }
        Call::Bus { bus } => sink::put(delivery, outside, bus).await,
        Call::Queue { queue, body, encoding } => sink::send(delivery, outside, queue, body, *encoding).await,
    };
    let record = AttemptRecord {
        number: delivery.failed + 1,
        started_at,
        elapsed_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        succeeded: answer.verdict == Verdict::Succeeded,
        answer: answer.answer.clone(),
        invocation: invocation.map(|id| id.as_str().to_owned()),
        log: answer.log.clone(),
    };
    Made { answer, record, sent }
}

impl Tried {
    /// An attempt that ended without an answer of the target.
    fn without(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { answer: TargetAnswer::new(verdict, reason), sent: None, invocation: None }
    }
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
        NextStep::RetryAt(at) => {
            let not_before = not_before(plan, delivery, made, now, at);
            let next = NextState::Waiting { not_before, failed: failed.get(), note: note(delivery, made) };
            Decision { next, ended: false, block: false }
        }
        NextStep::DeadLetter => {
            let next = given_up(plan, delivery, failed.get(), made.answer.answer.clone(), now);
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

/// Gives the lease of a delivery back: it is as it was.
pub(crate) fn put_back(delivery: &Delivery) -> Settlement {
    let next = NextState::Waiting {
        not_before: delivery.not_before,
        failed: delivery.failed,
        note: delivery.note.clone(),
    };
    Settlement { delivery: delivery.id(), next, attempt: None }
}

/// What becomes of a delivery that is given up.
pub(crate) fn given_up(
    plan: &Plan,
    delivery: &Delivery,
    attempt_count: u32,
    answer: String,
    now: Timestamp,
) -> NextState {
    let failure = dead_letter_queue::failure_of(delivery, attempt_count, answer, now);
    NextState::Moved {
        queue: match &plan.dead_letters {
            Some(_) => dead_letter_queue::queue_of(&delivery.queue),
            None => dead_letters_of(&delivery.queue),
        },
        // Nobody leases dead letters that are kept here; they stand in the order in which they were given up.
        not_before: now,
        note: Some(failure.to_note()),
    }
}

/// The queue that keeps the dead letters of a queue.
pub(crate) fn dead_letters_of(queue: &QueueId) -> QueueId {
    let target = dead_letter_queue::target_of(queue);
    QueueId(format!("dead/{}", target.as_ref().unwrap_or(queue)).into())
}

/// What to keep for the next attempt: what the target received, or why it came onto the way to a dead-letter queue.
fn note(delivery: &Delivery, made: &Made) -> Option<Bytes> {
    made.sent.clone().or_else(|| delivery.note.clone())
}

/// The time of the next attempt: `at` by the strategy, later when the target asked for it, but never too late to be made.
fn not_before(plan: &Plan, delivery: &Delivery, made: &Made, now: Timestamp, at: Timestamp) -> Timestamp {
    let Some(wait) = made.answer.retry_after else { return at };
    let asked = now.plus(wait.min(RETRY_AFTER_MAX));
    let last = plan.policy.age_max.map_or(Timestamp::MAX, |age| delivery.record.accepted_at.plus(age));
    at.max(asked.min(last))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ErrorsTolerance, Policy, RetryStrategy};
    use kulkul_store::{LogName, Record, RecordKey, Seq};

    fn decided(retry_after_secs: Option<u64>, age_max_secs: Option<u64>, failed: u32) -> NextState {
        let plan = Plan {
            queue: QueueId("q".into()),
            call: Call::Invocation {
                function: "f".parse().unwrap(),
                qualifier: kulkul_model::Qualifier::latest(),
            },
            policy: Policy {
                retry: RetryStrategy::Backoff,
                tolerance: ErrorsTolerance::All,
                age_max: age_max_secs.map(Duration::from_secs),
            },
            concurrency: None,
            epilogue: None,
            dead_letters: None,
        };
        let key = RecordKey {
            log: LogName("bus/b".into()),
            id: "1".into(),
            source: "s".into(),
            kind: "t".into(),
            subject: String::new(),
        };
        let record = Record {
            seq: Seq(1),
            key,
            trace_id: kulkul_model::TraceId::random(),
            accepted_at: Timestamp::from_millis(0),
            body: Bytes::new(),
        };
        let not_before = Timestamp::from_millis(0);
        let delivery =
            Delivery { queue: plan.queue.clone(), record: Arc::new(record), failed, note: None, not_before };
        let answer = TargetAnswer {
            retry_after: retry_after_secs.map(Duration::from_secs),
            ..TargetAnswer::new(Verdict::Failed, "[429]")
        };
        let record = AttemptRecord {
            number: failed + 1,
            started_at: Timestamp::from_millis(0),
            elapsed_micros: 0,
            succeeded: false,
            answer: String::new(),
            invocation: None,
            log: None,
        };
        let made = Made { answer, record, sent: None };
        decide(&plan, &delivery, &made, Timestamp::from_millis(1_000), 0.0).next
    }

    #[test]
    fn a_target_may_ask_for_a_longer_wait_but_not_for_a_shorter_or_endless_one() {
        let table = [
            // asked, age limit, at in ms
            (None, None, 11_000),
            (Some(5), None, 11_000),
            (Some(60), None, 61_000),
            (Some(1_000_000), None, 3_601_000),
            (Some(60), Some(30), 30_000),
        ];
        for (asked, age_max, at) in table {
            let NextState::Waiting { not_before, failed, .. } = decided(asked, age_max, 0) else {
                panic!("{asked:?}, {age_max:?}: given up");
            };
            assert_eq!((not_before, failed), (Timestamp::from_millis(at), 1), "{asked:?}, {age_max:?}");
        }
        assert!(
            matches!(decided(Some(60), None, 3), NextState::Moved { .. }),
            "it still counts as an attempt"
        );
    }
}
