//! The seam of time: the shell passes a clock in, so that a day of retries fits into a test.

use kulkul_model::Timestamp;

/// What time it is. Waiting is done with Tokio's timers; a test that pauses those passes a clock that follows them.
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that follows Tokio's timers, which a test can pause and advance.
#[derive(Clone, Copy, Debug)]
pub struct TimerClock {
    epoch: tokio::time::Instant,
    start: Timestamp,
}

impl TimerClock {
    /// A clock that shows `start` now. Called within a Tokio runtime.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { epoch: tokio::time::Instant::now(), start }
    }
}

impl Clock for TimerClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.epoch.elapsed())
    }
}
