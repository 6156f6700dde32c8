//! All queues of a server.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use kulkul_delivery::Clock;
use kulkul_model::{Identity, MessageQueueName};
use kulkul_store::{EventLog, MessageLog, Metadata};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::queue::Queue;
use crate::{QueueError, document, ids};

/// How often queues that nobody uses are rid of expired messages.
const UPKEEP_PAUSE: Duration = Duration::from_secs(30);

/// How queues behave where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// How many receives may wait at one queue; one more finds nothing at once.
    pub waiter_count_max: usize,
}

/// 1024 waiting receives.
impl Default for QueueOptions {
    fn default() -> Self {
        Self { waiter_count_max: 1024 }
    }
}

/// What queues work with.
#[derive(Clone)]
pub struct QueuesParts {
    /// Whose server this is.
    pub identity: Identity,
    /// Where queues are kept.
    pub metadata: Arc<dyn Metadata>,
    /// Where messages are sent to.
    pub log: Arc<dyn EventLog>,
    /// Where messages are fetched from: the same log.
    pub messages: Arc<dyn MessageLog>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How they behave.
    pub options: QueueOptions,
}

/// A handle; clones are the same queues.
#[derive(Clone)]
pub struct Queues(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: QueuesParts,
    pub(crate) queues: RwLock<BTreeMap<MessageQueueName, Arc<Queue>>>,
    /// Held while a queue is created, changed or deleted.
    pub(crate) control: tokio::sync::Mutex<()>,
    /// Nobody waits for messages any more.
    pub(crate) stop: CancellationToken,
    pub(crate) pumps: TaskTracker,
}

impl Queues {
    /// Reads all queues from the store.
    pub async fn open(parts: QueuesParts) -> Result<Self, QueueError> {
        let queues = Self(Arc::new(Inner {
            parts,
            queues: RwLock::default(),
            control: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            pumps: TaskTracker::new(),
        }));
        queues.load().await?;
        queues.restore_messages().await?;
        Ok(queues)
    }

    /// Rids queues of expired messages until `stop` is cancelled, which queues that are used do by themselves. Then
    /// lets everybody go who waits; later receives find what is there, but do not wait.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(UPKEEP_PAUSE) => {}
            }
            let queues: Vec<_> = self.0.all().values().cloned().collect();
            for queue in queues {
                if let Err(error) = self.0.expire(&queue).await {
                    tracing::warn!(queue = %queue.name, error = %error, "cannot drop expired messages, will try again");
                }
            }
        }
        self.0.stop.cancel();
        self.0.pumps.close();
        self.0.pumps.wait().await;
    }

    pub(crate) fn existing(&self, name: &MessageQueueName) -> Result<Arc<Queue>, QueueError> {
        self.0.find(name).ok_or_else(|| QueueError::UnknownQueue { queue: name.clone() })
    }

    async fn load(&self) -> Result<(), QueueError> {
        for document in self.0.parts.metadata.documents(document::KEY_PREFIX).await? {
            let queue = Arc::new(Queue::new(document::read(&document)?, document.revision));
            self.0.show(queue);
        }
        Ok(())
    }

    /// Finds out which priorities have messages. A crash between deleting a queue and emptying it leaves messages that
    /// nobody will ever fetch; they are dropped.
    async fn restore_messages(&self) -> Result<(), QueueError> {
        let mut left: std::collections::HashSet<_> =
            self.0.parts.log.queues().await?.into_iter().filter(ids::is_ours).collect();
        for queue in self.0.all().values() {
            for number in 1..=crate::Priority::COUNT as u64 {
                let priority = crate::Priority::new(number)?;
                if left.remove(&queue.ids.priorities[priority.index()]) {
                    queue.use_priority(priority);
                }
            }
            left.remove(&queue.ids.expiry);
        }
        for orphan in left {
            let count = self.0.parts.log.purge(&orphan).await?;
            tracing::info!(queue = %orphan, count, "dropped the messages of a queue that is gone");
        }
        Ok(())
    }
}

impl Inner {
    pub(crate) fn all(&self) -> RwLockReadGuard<'_, BTreeMap<MessageQueueName, Arc<Queue>>> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, name: &MessageQueueName) -> Option<Arc<Queue>> {
        self.all().get(name).cloned()
    }

    pub(crate) fn show(&self, queue: Arc<Queue>) {
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        queues.insert(queue.name.clone(), queue);
    }
}
