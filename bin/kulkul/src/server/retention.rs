//! Forgets the past, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use kulkul_delivery::{Clock, Dispatcher};
use kulkul_store::{Retention, Traces};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Records that go in one commit: few, so that nobody who appends meanwhile waits long.
const BATCH: usize = 256;
/// How long to wait when there was nothing to forget.
const PAUSE: Duration = Duration::from_secs(30);
/// The same for dead letters, which are kept for days.
const DEAD_LETTER_PAUSE: Duration = Duration::from_secs(600);
/// How long to wait between two batches, so that forgetting a lot leaves the disk to others.
const BREATH: Duration = Duration::from_millis(20);

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
        pause = match dispatcher.forget_dead_letters(age_max, BATCH).await {
            Ok(0) => DEAD_LETTER_PAUSE,
            Ok(count) => {
                tracing::info!(count, "forgot dead letters that are past retention");
                BREATH
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
