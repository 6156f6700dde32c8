//! Opens the message queues, and starts what reads them.

use std::sync::Arc;

use anyhow::Context;
use kulkul_bus::Hub;
use kulkul_delivery::Clock;
use kulkul_model::Identity;
use kulkul_queue::{QueueOptions, Queues, QueuesParts};
use kulkul_source::Sources;
use kulkul_source::message_queue::QueueSources;
use kulkul_store_sqlite::SqliteStore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

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

/// Starts what puts the messages of queues on buses, for the event sources that say so.
pub fn start_sources(
    tasks: &mut JoinSet<()>,
    (sources, queues, hub): (&Arc<Sources>, &Queues, &Arc<Hub>),
    identity: &Identity,
    stop: &CancellationToken,
) {
    let readers = QueueSources {
        sources: sources.clone(),
        queues: queues.clone(),
        hub: hub.clone(),
        identity: identity.clone(),
    };
    tasks.spawn(readers.run(stop.clone()));
}
