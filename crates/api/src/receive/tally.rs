//! Counts of what was taken and refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the log is spared further warnings of the same code.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// What one receiver has taken and refused since the start.
#[derive(Default)]
pub(crate) struct Tally {
    accepted: AtomicU64,
    /// By code; there are only so many codes.
    refused: Mutex<BTreeMap<&'static str, Refused>>,
}

#[derive(Default)]
struct Refused {
    count: u64,
    /// When the last warning of it was written.
    warned_at: Option<Instant>,
}

impl Tally {
    pub(crate) fn accepted(&self, event_count: usize) {
        self.accepted.fetch_add(event_count as u64, Ordering::Relaxed);
    }

    /// Counts a refusal. Says whether the log is to be warned of it.
    pub(crate) fn refused(&self, code: &'static str, now: Instant) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = refused.entry(code).or_default();
        refused.count += 1;
        let is_due = refused.warned_at.is_none_or(|at| now.saturating_duration_since(at) >= WARNING_INTERVAL);
        if is_due {
            refused.warned_at = Some(now);
        }
        is_due
    }

    /// `{"acceptedEvents": 3, "refusedRequests": {"PushReplayed": 1}}`.
    pub(crate) fn report(&self) -> Value {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused: BTreeMap<&str, u64> =
            refused.iter().map(|(code, refused)| (*code, refused.count)).collect();
        json!({"acceptedEvents": self.accepted.load(Ordering::Relaxed), "refusedRequests": refused})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_code() {
        let tally = Tally::default();
        tally.accepted(2);
        for code in ["A", "B", "A"] {
            tally.refused(code, Instant::now());
        }
        let expected = json!({"acceptedEvents": 2, "refusedRequests": {"A": 2, "B": 1}});
        assert_eq!(tally.report(), expected);
    }

    #[test]
    fn each_code_is_warned_of_once_a_minute() {
        let (tally, start) = (Tally::default(), Instant::now());
        let table = [
            ("A", 0, true),
            ("A", 1, false),
            ("B", 1, true),
            ("A", 59, false),
            ("A", 60, true),
            ("A", 61, false),
            ("B", 62, true),
        ];
        for (code, after_s, expected) in table {
            let told = tally.refused(code, start + Duration::from_secs(after_s));
            assert_eq!(told, expected, "{code} after {after_s} s");
        }
    }
}
