//! Counts of what was taken and refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// What one receiver has taken and refused since the start.
#[derive(Default)]
pub(crate) struct Tally {
    accepted: AtomicU64,
    /// By code; there are only so many codes.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Tally {
    pub(crate) fn accepted(&self, event_count: usize) {
        self.accepted.fetch_add(event_count as u64, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, code: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// `{"acceptedEvents": 3, "refusedRequests": {"PushReplayed": 1}}`.
    pub(crate) fn report(&self) -> Value {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        json!({"acceptedEvents": self.accepted.load(Ordering::Relaxed), "refusedRequests": *refused})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_code() {
        let tally = Tally::default();
        tally.accepted(2);
        ["A", "B", "A"].into_iter().for_each(|code| tally.refused(code));
        let expected = json!({"acceptedEvents": 2, "refusedRequests": {"A": 2, "B": 1}});
        assert_eq!(tally.report(), expected);
    }
}
