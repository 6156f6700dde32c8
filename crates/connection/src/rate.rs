//! Keeping to a number of requests a second.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets so many requests through a second, evenly, and up to a second's worth at once after a pause.
#[derive(Debug)]
pub(crate) struct Pacer {
    interval: Duration,
    /// When the next request may go if all those before had been spread evenly.
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    pub(crate) fn new(rate_max: NonZeroU32) -> Self {
        Self { interval: Duration::from_secs(1) / rate_max.get(), next: Mutex::new(None) }
    }

    /// Whether a request may go now; if so, it is counted.
    pub(crate) fn admit(&self, now: Instant) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.unwrap_or(now).max(now);
        // As much ahead of the even spread as a second allows.
        if due - now > Duration::from_secs(1) - self.interval {
            return false;
        }
        *next = Some(due + self.interval);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_takes_as_many_requests_as_it_may() {
        let start = Instant::now();
        let pacer = Pacer::new(NonZeroU32::new(4).unwrap());
        let admitted = |after_ms: u64| {
            let now = start + Duration::from_millis(after_ms);
            (0..10).filter(|_| pacer.admit(now)).count()
        };
        assert_eq!(admitted(0), 4);
        assert_eq!(admitted(100), 0);
        assert_eq!(admitted(250), 1);
        assert_eq!(admitted(750), 2);
        assert_eq!(admitted(60_000), 4, "a long pause saves up no more than a second");
        let slow = Pacer::new(NonZeroU32::MIN);
        assert!(slow.admit(start) && !slow.admit(start + Duration::from_millis(900)));
        assert!(slow.admit(start + Duration::from_secs(1)));
    }
}
