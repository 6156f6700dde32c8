//! Message queues as event sources: each message becomes an event, and is deleted once the event is durable.
//!
//! A message whose event could not be put stays in its queue and comes back when its visibility time-out has passed;
//! its event then has the same id. One Tokio task reads each source's queue.

mod event;
mod settings;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kulkul_bus::Hub;
use kulkul_model::{BusName, EventError, Identity, TraceId};
use kulkul_queue::{BATCH_COUNT_MAX, QueueError, Queues, Received};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use self::event::EVENT_TYPE;
pub use self::settings::QueueSettings;
pub(crate) use self::settings::StoredQueue;
use crate::{RegisteredSource, SourceKind, SourceName, Sources};

/// How long one receive waits. Source: Simple Message Queue 2015-06-06, "ReceiveMessage".
const WAIT: Duration = Duration::from_secs(30);

/// How long to wait before a queue that is not there, or a store that failed, is asked again, and before a reader that
/// panicked is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the events' sender is said to be.
const SENDER: &str = "127.0.0.1";

/// Whatever reads the queues of event sources.
pub struct QueueSources {
    /// The registry that says which there are.
    pub sources: Arc<Sources>,
    /// The queues.
    pub queues: Queues,
    /// Where events are put.
    pub hub: Arc<Hub>,
    /// Whose server this is.
    pub identity: Identity,
}

/// A source whose queue is being read.
struct Running {
    source: Arc<RegisteredSource>,
    stop: CancellationToken,
    task: AbortHandle,
}

impl QueueSources {
    /// Reads queues until `stop` is cancelled, then ends once what was received has been dealt with.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let mut readers = JoinSet::new();
        let mut running: HashMap<SourceName, Running> = HashMap::new();
        let mut changes = this.sources.changes();
        loop {
            changes.borrow_and_update();
            let wanted = this.sources.registered(None, "");
            running.retain(|name, reader| {
                let now = this.sources.get(&reader.source.bus, name);
                // One that has ended without being told to has panicked.
                let stays = !reader.task.is_finished()
                    && now.is_ok_and(|source| Arc::ptr_eq(&source, &reader.source));
                if !stays {
                    reader.stop.cancel();
                }
                stays
            });
            for source in wanted {
                let SourceKind::Queue(settings) = &source.kind else { continue };
                if !running.contains_key(&source.name) {
                    let (settings, reader) = (settings.clone(), stop.child_token());
                    let (this, source_read, told) = (Arc::clone(&this), source.clone(), reader.clone());
                    let task = readers.spawn(async move { this.read(&source_read, &settings, told).await });
                    running.insert(source.name.clone(), Running { source, stop: reader, task });
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
                Some(ended) = readers.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(error = %error, "the reader of a queue has panicked, and is started again");
                        tokio::select! {
                            () = stop.cancelled() => break,
                            () = tokio::time::sleep(PAUSE) => {}
                        }
                    }
                }
            }
        }
        running.values().for_each(|reader| reader.stop.cancel());
        while readers.join_next().await.is_some() {}
    }

    async fn read(&self, source: &RegisteredSource, settings: &QueueSettings, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.queues.receive(&settings.queue, BATCH_COUNT_MAX, Some(WAIT)) => received,
            };
            let done = match received {
                Ok(received) if received.is_empty() => true,
                Ok(received) => self.put(source, settings, received).await,
                Err(QueueError::UnknownQueue { .. }) => false,
                Err(error) => {
                    tracing::warn!(queue = %settings.queue, error = %error, "cannot read the queue of an event source");
                    false
                }
            };
            if !done {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    /// Puts the events of messages and deletes those that are durable. Returns whether all went well.
    async fn put(
        &self,
        source: &RegisteredSource,
        settings: &QueueSettings,
        received: Vec<Received>,
    ) -> bool {
        let request_id = format!("{:024X}", TraceId::random().as_u128() >> 32);
        let draft = |received: &Received| {
            Ok(event::draft(
                &received.message,
                source.name.as_str(),
                &self.identity,
                &settings.queue,
                &request_id,
                settings.decodes_base64,
            ))
        };
        let drafts = received.iter().map(draft).collect();
        let bus: &BusName = &source.bus;
        let answers = match self.hub.accept(bus, drafts, SENDER).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(bus = %bus, queue = %settings.queue, error = %error, "the messages of a queue stay in it");
                return false;
            }
        };
        let mut all = true;
        let mut durable = Vec::with_capacity(received.len());
        for (received, answer) in received.iter().zip(answers) {
            match answer {
                Ok(_) => durable.push(received.receipt.as_str()),
                Err(error) => {
                    all = false;
                    refused(&settings.queue, received, &error);
                }
            }
        }
        if durable.is_empty() {
            return all;
        }
        match self.queues.delete_messages(&settings.queue, &durable).await {
            // A receipt that is no longer good: the message comes again, and its event has the same id.
            Ok(_) => all,
            Err(error) => {
                tracing::warn!(queue = %settings.queue, error = %error, "messages whose events are durable come again");
                false
            }
        }
    }
}

fn refused(queue: &kulkul_model::MessageQueueName, received: &Received, error: &EventError) {
    let id = received.message.id.as_str();
    tracing::warn!(queue = %queue, message.id = id, error = %error, "a message makes no event and stays in its queue");
}
