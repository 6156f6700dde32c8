//! Self-protection: when a target that keeps failing is left alone, and how it is taken up again. No clock, no store.
//!
//! A target that failed a number of times in a row is *parked*: nothing is tried there for a pause, which grows with
//! each probe that fails. After a pause one delivery is tried, the *probe*. When it succeeds, the target *recovers*:
//! few attempts at once at first, one more with each that succeeds.
//!
//! Parking holds back; it takes no attempt away from anybody. A retry that is the only thing due at its target is
//! tried at its time even there, so that the documented schedule of a lone delivery stays exact.

use std::time::Duration;

use kulkul_model::Timestamp;

/// Failures in a row after which a target is parked. More than any one delivery of the default strategy makes.
const FAILURES_MAX: u32 = 10;
/// Failures in a row after which a recovering target is parked again.
const RECOVERING_FAILURES_MAX: u32 = 3;
/// The first pause.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Deliveries in memory for a parked target: the next one, and one more to know whether it is alone.
pub(crate) const PARKED_READY_MAX: usize = 2;

/// What is known of a target's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    /// Attempts in a row that failed, up to now.
    pub failures_in_row: u32,
    /// What follows from that.
    pub state: CircuitState,
}

/// Whether a target is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CircuitState {
    /// It is tried as usual.
    #[default]
    Closed,
    /// It is left alone until a time, and then probed.
    Parked {
        /// When it was parked.
        since: Timestamp,
        /// The end of the pause.
        until: Timestamp,
        /// How many pauses there were, this one included.
        pause_count: u32,
    },
    /// A probe succeeded. So many attempts at once are allowed.
    Recovering {
        /// How many.
        attempts_max: u32,
    },
}

/// How much a target may be given now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// So many attempts at once.
    AtOnce(usize),
    /// Nothing but a retry that is alone.
    LoneRetry,
}

impl Circuit {
    /// What may be tried now. `full`: attempts at once at a healthy target.
    pub(crate) fn allowance(&self, now: Timestamp, full: usize) -> Allowance {
        match self.state {
            CircuitState::Closed => Allowance::AtOnce(full),
            CircuitState::Parked { until, .. } if now < until => Allowance::LoneRetry,
            CircuitState::Parked { .. } => Allowance::AtOnce(1),
            CircuitState::Recovering { attempts_max } => Allowance::AtOnce(full.min(attempts_max as usize)),
        }
    }

    /// How many deliveries to hold in memory. `full`: for a healthy target.
    pub(crate) fn ready_count_max(&self, full: usize) -> usize {
        match self.state {
            CircuitState::Closed => full,
            CircuitState::Parked { .. } => PARKED_READY_MAX,
            CircuitState::Recovering { attempts_max } => full.min(2 * attempts_max as usize),
        }
    }

    /// Whether it is parked, its pause over or not.
    pub(crate) fn is_parked(&self) -> bool {
        matches!(self.state, CircuitState::Parked { .. })
    }

    /// The end of the pause, while there is one.
    pub(crate) fn pausing_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            CircuitState::Parked { until, .. } => Some(until).filter(|until| now < *until),
            CircuitState::Closed | CircuitState::Recovering { .. } => None,
        }
    }

    /// An attempt succeeded. `full`: attempts at once at a healthy target.
    pub(crate) fn succeeded(&mut self, full: usize) {
        self.failures_in_row = 0;
        let attempts_max = match self.state {
            CircuitState::Closed => return,
            CircuitState::Parked { .. } => 2,
            CircuitState::Recovering { attempts_max } => attempts_max + 1,
        };
        self.state = match attempts_max as usize >= full {
            true => CircuitState::Closed,
            false => CircuitState::Recovering { attempts_max },
        };
    }

    /// An attempt failed. Returns whether this parked the target, or parked it for longer.
    pub(crate) fn failed(&mut self, now: Timestamp) -> bool {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.state = match self.state {
            CircuitState::Closed if self.failures_in_row < FAILURES_MAX => return false,
            CircuitState::Recovering { attempts_max } if self.failures_in_row < RECOVERING_FAILURES_MAX => {
                self.state = CircuitState::Recovering { attempts_max: attempts_max.div_ceil(2) };
                return false;
            }
            CircuitState::Closed | CircuitState::Recovering { .. } => parked(now, now, 1),
            // It began before the pause, or was alone: it tells nothing new.
            CircuitState::Parked { until, .. } if now < until => return false,
            CircuitState::Parked { since, pause_count, .. } => {
                parked(since, now, pause_count.saturating_add(1))
            }
        };
        true
    }

    /// Ends a pause before its time: the next delivery is the probe.
    pub(crate) fn probe_now(&mut self, now: Timestamp) {
        if let CircuitState::Parked { until, .. } = &mut self.state {
            *until = now.min(*until);
        }
    }
}

fn parked(since: Timestamp, now: Timestamp, pause_count: u32) -> CircuitState {
    let pause = PAUSE_MIN.saturating_mul(1 << (pause_count - 1).min(16)).min(PAUSE_MAX);
    CircuitState::Parked { since, until: now.plus(pause), pause_count }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: usize = 8;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// A circuit that failed at a time, so often.
    fn failed(count: u32, now: i64) -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 0..count {
            circuit.failed(at(now));
        }
        circuit
    }

    #[test]
    fn a_target_is_parked_after_ten_failures_in_a_row() {
        let table = [(9, None), (10, Some(at(1_000))), (18, Some(at(1_000)))];
        for (count, until) in table {
            assert_eq!(failed(count, 0).pausing_until(at(0)), until, "{count} failures");
        }
        let mut circuit = failed(9, 0);
        circuit.succeeded(FULL);
        assert!(!circuit.failed(at(0)), "a success in between begins a new row");
        assert_eq!(circuit.failures_in_row, 1);
    }

    #[test]
    fn pauses_double_up_to_a_minute_with_each_probe_that_fails() {
        let mut circuit = failed(10, 0);
        let mut pauses = Vec::new();
        let mut now = at(0);
        while pauses.len() < 8 {
            let until = circuit.pausing_until(now).unwrap();
            pauses.push(until.since(now).as_secs());
            assert_eq!(circuit.allowance(at(until.as_millis() - 1), FULL), Allowance::LoneRetry);
            assert_eq!(circuit.allowance(until, FULL), Allowance::AtOnce(1), "one probe");
            now = until;
            assert!(circuit.failed(now));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        let CircuitState::Parked { since, pause_count, .. } = circuit.state else { panic!("{circuit:?}") };
        assert_eq!((since, pause_count), (at(0), 9));
    }

    #[test]
    fn what_ends_within_a_pause_does_not_prolong_it() {
        let mut circuit = failed(10, 0);
        assert!(!circuit.failed(at(999)));
        assert_eq!(circuit.pausing_until(at(999)), Some(at(1_000)));
    }

    #[test]
    fn a_recovering_target_gets_one_more_with_each_success() {
        let mut circuit = failed(10, 0);
        let mut allowed = Vec::new();
        for _ in 0..7 {
            circuit.succeeded(FULL);
            allowed.push(circuit.allowance(at(1_000), FULL));
        }
        assert_eq!(allowed, [2, 3, 4, 5, 6, 7, 8].map(Allowance::AtOnce));
        assert_eq!(circuit, Circuit::default());
    }

    #[test]
    fn a_recovering_target_that_fails_gets_less_and_is_parked_after_three() {
        let mut circuit = failed(10, 0);
        (0..4).for_each(|_| circuit.succeeded(FULL));
        assert_eq!(circuit.state, CircuitState::Recovering { attempts_max: 5 });
        assert!(!circuit.failed(at(5_000)));
        assert_eq!(circuit.state, CircuitState::Recovering { attempts_max: 3 });
        assert!(!circuit.failed(at(5_000)));
        assert!(circuit.failed(at(5_000)));
        let parked = CircuitState::Parked { since: at(5_000), until: at(6_000), pause_count: 1 };
        assert_eq!(circuit.state, parked, "the pauses begin anew");
    }

    #[test]
    fn a_target_with_room_for_one_is_healthy_after_one_success() {
        let mut circuit = failed(10, 0);
        circuit.succeeded(1);
        assert_eq!(circuit.state, CircuitState::Closed);
    }

    #[test]
    fn a_pause_can_be_ended_early() {
        let mut circuit = failed(10, 0);
        circuit.probe_now(at(200));
        assert_eq!(circuit.allowance(at(200), FULL), Allowance::AtOnce(1));
        let mut healthy = Circuit::default();
        healthy.probe_now(at(200));
        assert_eq!(healthy, Circuit::default());
    }
}
