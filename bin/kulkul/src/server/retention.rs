//! Forgets the past, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use kulkul_delivery::{Clock, Dispatcher};
use kulkul_store::{Retention, Traces};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Records that go in one round. The store deletes them in small portions, so that nobody who appends meanwhile waits
/// long, and in between takes whatever else is to be written.
const BATCH: usize = 4096;
/// Dead letters that go in one commit: few, so that nobody who appends meanwhile waits long.
const DEAD_LETTER_BATCH: usize = 256;
/// How long to wait when there was nothing to forget.
const PAUSE: Duration = Duration::from_secs(30);
/// The same for dead letters, which are kept for days.
const DEAD_LETTER_PAUSE: Duration = Duration::from_secs(600);
/// How long to wait between two rounds, so that forgetting a lot leaves the disk to others. Together with [`BATCH`] it
/// bounds how many records can be forgotten in a second: that must be more than can be accepted, or the log grows for
/// ever.
const BREATH: Duration = Duration::from_millis(5);
/// The same for dead letters, of which there are few.
const DEAD_LETTER_BREATH: Duration = Duration::from_millis(20);

/// What the configuration says about the past.
pub fn keep(config: &Config) -> Retention {
    Retention { age_max: config.trace_age_max, bytes_max: config.trace_bytes_max }
}

/// Forgets old dead letters until it is told to stop.
pub async fn forget_dead_letters(dispatcher: Dispatcher, age_max: Duration, stop: CancellationToken) {
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match dispatcher.forget_dead_letters(age_max, DEAD_LETTER_BATCH).await {
            Ok(0) => DEAD_LETTER_PAUSE,
            Ok(count) => {
                tracing::info!(count, "forgot dead letters that are past retention");
                DEAD_LETTER_BREATH
            }
            Err(error) => {
                tracing::warn!(error = %error, "cannot forget old dead letters, will try again");
                DEAD_LETTER_PAUSE
            }
        };
    }
}

/// Trims until it is told to stop.
pub async fn run(traces: Arc<dyn Traces>, keep: Retention, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match traces.trim(keep, clock.now(), BATCH).await {
            Ok(0) => PAUSE,
            Ok(_) => BREATH,
            Err(error) => {
                tracing::warn!(error = %error, "cannot forget what is past retention, will try again");
                PAUSE
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_can_be_forgotten_than_can_be_accepted() {
        // More than the store was seen to take durably on two cores: see docs/benchmarks.md.
        const ACCEPTED_PER_SECOND: f64 = 100_000.0;
        let waiting = BREATH.as_secs_f64() / BATCH as f64;
        assert!(
            waiting * ACCEPTED_PER_SECOND < 0.2,
            "a fifth of the time is for waiting, the rest for the work"
        );
    }
}
