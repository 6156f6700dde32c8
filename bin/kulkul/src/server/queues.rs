//! Opens the message queues.

use std::sync::Arc;

use anyhow::Context;
use kulkul_delivery::Clock;
use kulkul_model::Identity;
use kulkul_queue::{QueueOptions, Queues, QueuesParts};
use kulkul_store_sqlite::SqliteStore;

/// The queues of a store.
pub async fn open(
    identity: &Identity,
    store: &SqliteStore,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Queues> {
    let parts = QueuesParts {
        identity: identity.clone(),
        metadata: store.metadata(),
        log: store.event_log(),
        messages: store.messages(),
        clock: clock.clone(),
        options: QueueOptions::default(),
    };
    Queues::open(parts).await.context("cannot read the message queues")
}
