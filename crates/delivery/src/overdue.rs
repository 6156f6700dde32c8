//! What becomes of deliveries that a parked target holds up for too long.
//!
//! A parked target is probed with one delivery at a time, so a long queue behind a target that is dead for good would
//! never end. What was due a day ago ([`DispatcherOptions::held_up_max`](crate::DispatcherOptions)) is given up
//! without another attempt; so is what is older than its target wants events to be.

use std::sync::Arc;
use std::time::Duration;

use kulkul_model::Timestamp;
use kulkul_store::{Delivery, Settlement, StoreError};

use crate::queue::Queue;
use crate::settler::Outcome;
use crate::{Dispatcher, ErrorsTolerance, Policy, Probe, RetryStrategy, attempt, dead_letter_queue};

/// How long the leases last under which they are given up.
const LEASE: Duration = Duration::from_secs(60);
/// Deliveries that are looked at together.
const READ_AT_ONCE: usize = 200;
/// Deliveries that are looked at after one probe.
const LOOKED_AT_MAX: usize = 2_000;

/// Whether a delivery that is due, and waits for a parked target, is given up.
fn is_overdue(
    policy: &Policy,
    held_up_max: Duration,
    due: Timestamp,
    accepted_at: Timestamp,
    now: Timestamp,
) -> bool {
    // A target without tolerance would be blocked by the first one, and nobody would be better off.
    let may_go = policy.tolerance == ErrorsTolerance::All && policy.retry != RetryStrategy::UntilTaken;
    let too_old = policy.age_max.is_some_and(|age_max| now.since(accepted_at) > age_max);
    may_go && due <= now && (now.since(due) > held_up_max || too_old)
}

impl Dispatcher {
    /// Gives up what is overdue at a parked target, as far as it stands first on its queue.
    pub(crate) async fn give_up_overdue(self, queue: Arc<Queue>) {
        if let Err(error) = self.try_give_up_overdue(&queue).await {
            tracing::error!(queue = %queue.id, error = %error, "cannot give up what is overdue, will try again");
        }
    }

    async fn try_give_up_overdue(&self, queue: &Queue) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        let plan = queue.plan.load_full();
        let policy = plan.policy;
        let held_up_max = self.0.options.held_up_max;
        let overdue = |delivery: &Delivery| {
            is_overdue(&policy, held_up_max, delivery.not_before, delivery.record.accepted_at, now)
        };
        let answer = queue.window().state().last_failure.map(|failure| failure.answer).unwrap_or_default();
        let give_up = |delivery: &Delivery| Settlement {
            delivery: delivery.id(),
            next: attempt::given_up(&plan, delivery, delivery.failed, format!("parked, after {answer}"), now),
            attempt: None,
        };
        // Those in memory are leased to us already. They would be probed next, but one probe takes a minute.
        let in_memory = queue.window().take_overdue(overdue);
        self.give_back(&in_memory);
        for delivery in &in_memory {
            self.store_outcome(Outcome { settlement: give_up(delivery), then: None }).await;
        }
        for _ in 0..LOOKED_AT_MAX / READ_AT_ONCE {
            // They stand by when they are due, which is nearly the order of their age: when none of the first is
            // overdue, the rest can wait.
            if !self.0.log.browse(&queue.id, None, READ_AT_ONCE).await?.iter().any(overdue) {
                return Ok(());
            }
            // Only what nobody works on: a lease keeps the attempts under way out of this.
            let leased = self.0.log.lease(&queue.id, now, now.plus(LEASE), READ_AT_ONCE).await?;
            let count = leased.iter().filter(|delivery| overdue(delivery)).count();
            let settle = |delivery: &Delivery| match overdue(delivery) {
                true => give_up(delivery),
                false => attempt::put_back(delivery),
            };
            self.0.log.settle(leased.iter().map(settle).collect()).await?;
            queue.window().fall_behind();
            self.look_at(&dead_letter_queue::queue_of(&queue.id), Probe::InTurn);
            if count == 0 {
                return Ok(());
            }
            tracing::warn!(queue = %queue.id, count, "gave up what a parked target held up for too long");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_target_holds_a_delivery_up_for_a_day_at_most() {
        const DAY: i64 = 24 * 3_600_000;
        let policy = |tolerance, age_secs: Option<u64>| Policy {
            retry: RetryStrategy::Backoff,
            tolerance,
            age_max: age_secs.map(Duration::from_secs),
        };
        let (all, none) = (ErrorsTolerance::All, ErrorsTolerance::None);
        let table = [
            // policy                due   accepted  now          overdue
            (policy(all, None), 1_000, 0, 1_000 + DAY, false),
            (policy(all, None), 1_000, 0, 1_001 + DAY, true),
            (policy(none, None), 1_000, 0, 1_001 + DAY, false),
            (policy(all, Some(60)), 59_000, 0, 60_000, false),
            (policy(all, Some(60)), 59_000, 0, 60_001, true),
            (policy(all, Some(60)), 61_000, 0, 60_001, false),
        ];
        for (policy, due, accepted_at, now, expected) in table {
            let [due, accepted_at, now] = [due, accepted_at, now].map(Timestamp::from_millis);
            assert_eq!(
                is_overdue(&policy, Duration::from_millis(DAY as u64), due, accepted_at, now),
                expected,
                "{policy:?} due {due} at {now}"
            );
        }
    }
}
