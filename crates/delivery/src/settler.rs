//! Stores outcomes, many in one commit. Attempts do not wait for it: after a crash a delivery may run twice.

use std::sync::Arc;
use std::time::Duration;

use kulkul_model::Timestamp;
use kulkul_store::{EventLog, Settlement, StoreError};
use tokio::sync::mpsc;

use crate::queue::Queue;

/// How many outcomes may wait. When it is full, attempts wait for the store before they end.
const WAITING_MAX: usize = 4096;
/// How many outcomes go into one call of the store.
const BATCH_MAX: usize = 512;
/// How long to wait before a store that was full or busy is asked again.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// An outcome to store, and the queue to look at once it is stored.
pub(crate) struct Outcome {
    pub(crate) settlement: Settlement,
    pub(crate) then: Option<(Arc<Queue>, Timestamp)>,
}

pub(crate) type OutcomeSender = mpsc::Sender<Outcome>;

pub(crate) fn channel() -> (OutcomeSender, mpsc::Receiver<Outcome>) {
    mpsc::channel(WAITING_MAX)
}

/// Runs until every sender is gone and everything is stored.
pub(crate) async fn run(
    log: Arc<dyn EventLog>,
    mut outcomes: mpsc::Receiver<Outcome>,
    stored: impl Fn(Arc<Queue>, Timestamp),
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while outcomes.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let settlements: Vec<Settlement> = batch.iter().map(|outcome| outcome.settlement.clone()).collect();
        if let Err(error) = settle(&log, settlements).await {
            let count = batch.len();
            tracing::error!(error = %error, count, "outcomes of attempts cannot be stored; the attempts may run again");
        }
        for (queue, at) in batch.drain(..).filter_map(|outcome| outcome.then) {
            stored(queue, at);
        }
    }
}

/// Settles, and goes on trying while the store says that it may succeed later.
async fn settle(log: &Arc<dyn EventLog>, settlements: Vec<Settlement>) -> Result<(), StoreError> {
    loop {
        match log.settle(settlements.clone()).await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(error = %error, "the store takes no outcomes, will try again");
                tokio::time::sleep(STORE_RETRY).await;
            }
            result => return result,
        }
    }
}
