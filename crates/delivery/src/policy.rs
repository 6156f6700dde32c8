//! When a failed delivery is tried again, and what follows when it is given up. No clock, no store, no randomness.

use std::num::NonZeroU32;
use std::time::Duration;

use kulkul_model::Timestamp;

/// How long to wait before each retry, and when to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryStrategy {
    /// `BACKOFF_RETRY`: 3 retries, each after a random 10 to 20 s.
    Backoff,
    /// `EXPONENTIAL_DECAY_RETRY`: 176 retries over about 24 h: 1 s, doubled up to 512 s, then every 512 s.
    ExponentialDecay,
    /// An asynchronous invocation of a function: so many retries, after 1 s, 2 s, 4 s and so on.
    Invocation {
        /// How many.
        retry_count_max: u32,
    },
    /// A dead-letter queue: retries without end, after 1 s, doubled up to 512 s. No target of a rule has it.
    UntilTaken,
}

/// What happens to the following deliveries when one is given up.
///
/// Source: EventBridge 2020-04-01, `ErrorsTolerance`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorsTolerance {
    /// `ALL`: they go on.
    #[default]
    All,
    /// `NONE`: they wait behind it until somebody unblocks the target.
    None,
}

/// How a target is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The waits.
    pub retry: RetryStrategy,
    /// What happens to those behind.
    pub tolerance: ErrorsTolerance,
    /// A delivery older than this is given up, whatever the strategy says.
    pub age_max: Option<Duration>,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It is tried again at this time.
    RetryAt(Timestamp),
    /// It is given up and kept as a dead letter.
    DeadLetter,
    /// It stays where it is, and so do those behind it.
    Block,
}

impl RetryStrategy {
    /// Whether a target that keeps failing is left alone for a while. The attempts of an asynchronous invocation say
    /// more about its payload than about the function.
    pub(crate) fn is_protected(self) -> bool {
        match self {
            Self::Backoff | Self::ExponentialDecay | Self::UntilTaken => true,
            Self::Invocation { .. } => false,
        }
    }

    /// The wait before retry number `retry`; `None` once the strategy gives up.
    ///
    /// `roll` is uniform in `[0, 1)`; the caller draws it.
    ///
    /// Source: EventBridge 2020-04-01, "Retry policies and dead-letter queues"; the waits of invocations are ours,
    /// since Function Compute documents their number only.
    pub fn delay(self, retry: NonZeroU32, roll: f64) -> Option<Duration> {
        match (self, retry.get()) {
            (Self::Backoff, 1..=3) => Some(Duration::from_secs_f64(10.0 + 10.0 * roll)),
            (Self::ExponentialDecay, n @ 1..=176) => Some(Duration::from_secs(1 << (n - 1).min(9))),
            (Self::UntilTaken, n) => Some(Duration::from_secs(1 << (n - 1).min(9))),
            (Self::Invocation { retry_count_max }, n) if n <= retry_count_max => {
                Some(Duration::from_secs(1 << (n - 1).min(9)))
            }
            (Self::Backoff | Self::ExponentialDecay | Self::Invocation { .. }, _) => None,
        }
    }
}

/// What follows when `failed` attempts have failed, the last one at `now`, at something accepted at `accepted_at`.
///
/// `retryable` is false when another attempt cannot succeed, such as for a function that does not exist any more.
pub fn after_failure(
    policy: &Policy,
    failed: NonZeroU32,
    retryable: bool,
    accepted_at: Timestamp,
    now: Timestamp,
    roll: f64,
) -> NextStep {
    let wait = policy.retry.delay(failed, roll).filter(|_| retryable);
    let in_time = |at: Timestamp| policy.age_max.is_none_or(|age_max| at.since(accepted_at) <= age_max);
    match wait.map(|wait| now.plus(wait)).filter(|at| in_time(*at)) {
        Some(at) => NextStep::RetryAt(at),
        None if policy.tolerance == ErrorsTolerance::None => NextStep::Block,
        None => NextStep::DeadLetter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RetryStrategy::{Backoff, ExponentialDecay, Invocation, UntilTaken};

    fn nth(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn retries_follow_the_documented_schedule() {
        let table = [
            (Backoff, 1, Some(15)),
            (Backoff, 3, Some(15)),
            (Backoff, 4, None),
            (ExponentialDecay, 1, Some(1)),
            (ExponentialDecay, 9, Some(256)),
            (ExponentialDecay, 10, Some(512)),
            (ExponentialDecay, 176, Some(512)),
            (ExponentialDecay, 177, None),
            (Invocation { retry_count_max: 3 }, 3, Some(4)),
            (Invocation { retry_count_max: 3 }, 4, None),
            (Invocation { retry_count_max: 0 }, 1, None),
            (UntilTaken, 3, Some(4)),
            (UntilTaken, u32::MAX, Some(512)),
        ];
        for (strategy, retry, seconds) in table {
            let wait = strategy.delay(nth(retry), 0.5);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{strategy:?}, retry {retry}");
        }
        let whole: Duration = (1..=176).filter_map(|n| ExponentialDecay.delay(nth(n), 0.0)).sum();
        assert_eq!(whole.as_secs(), 86_015, "a little under 24 h");
        assert_eq!(Backoff.delay(nth(1), 0.0), Some(Duration::from_secs(10)));
    }

    #[test]
    fn what_is_given_up_follows_tolerance_and_age() {
        let policy = |tolerance, age_secs: Option<u64>| Policy {
            retry: Backoff,
            tolerance,
            age_max: age_secs.map(Duration::from_secs),
        };
        let (start, now) = (Timestamp::from_millis(0), Timestamp::from_millis(5_000));
        let step =
            |policy, failed, retryable| after_failure(&policy, nth(failed), retryable, start, now, 0.0);
        let all = policy(ErrorsTolerance::All, None);
        assert_eq!(step(all, 1, true), NextStep::RetryAt(Timestamp::from_millis(15_000)));
        assert_eq!(step(all, 4, true), NextStep::DeadLetter);
        assert_eq!(step(all, 1, false), NextStep::DeadLetter);
        assert_eq!(step(policy(ErrorsTolerance::None, None), 4, true), NextStep::Block);
        assert_eq!(step(policy(ErrorsTolerance::All, Some(14)), 1, true), NextStep::DeadLetter);
        let just = NextStep::RetryAt(Timestamp::from_millis(15_000));
        assert_eq!(step(policy(ErrorsTolerance::All, Some(15)), 1, true), just);
    }
}
