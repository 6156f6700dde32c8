//! Queues on a real store, with a clock that the test sets.
#![allow(dead_code, reason = "a module of several test programs, each of which uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kulkul_delivery::Clock;
use kulkul_model::{Identity, MessageQueueName, Timestamp};
use kulkul_queue::{
    AttributeChanges, NewMessage, QueueOptions, Queues, QueuesParts, Received, Sent, SizeLimit,
};
use kulkul_store_sqlite::SqliteStore;

/// A clock that stands still until it is told to go on.
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn forward(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Queues with whatever they need.
pub(crate) struct Bench {
    pub(crate) queues: Queues,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) const START: i64 = 1_700_000_000_000;

impl Bench {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock(AtomicI64::new(START)));
        let (store, queues) = open(&dir, clock.clone()).await;
        Self { queues, store, clock, dir }
    }

    /// Closes the store and opens it again, as after a crash: nothing in memory is left.
    pub(crate) async fn reopened(self) -> Self {
        self.stop_waiting().await;
        self.store.close();
        drop(self.store);
        let (store, queues) = open(&self.dir, self.clock.clone()).await;
        Self { queues, store, ..self }
    }

    /// Lets everybody go who waits.
    pub(crate) async fn stop_waiting(&self) {
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        self.queues.run(stop).await;
    }

    pub(crate) async fn create(&self, queue: &str, given: AttributeChanges) -> MessageQueueName {
        let name = name(queue);
        self.queues.create(&name, given).await.unwrap();
        name
    }

    pub(crate) async fn send(&self, queue: &str, message: NewMessage) -> Sent {
        self.queues.send(&name(queue), vec![message], SizeLimit::OfQueue).await.unwrap().remove(0)
    }

    /// Receives what is there.
    pub(crate) async fn receive(&self, queue: &str, max: usize) -> Vec<Received> {
        self.queues.receive(&name(queue), max, Some(Duration::ZERO)).await.unwrap()
    }

    /// The texts of what is there, which is then invisible.
    pub(crate) async fn texts(&self, queue: &str) -> Vec<String> {
        self.receive(queue, 16).await.into_iter().map(|received| received.message.text).collect()
    }

    /// Deletes one message and says whether its receipt was good.
    pub(crate) async fn delete(&self, queue: &str, receipt: &str) -> Result<(), kulkul_queue::QueueError> {
        self.queues.delete_messages(&name(queue), &[receipt]).await.unwrap().remove(0)
    }

    /// Active, inactive and delayed messages.
    pub(crate) async fn counts(&self, queue: &str) -> [u64; 3] {
        let (_, counts) = self.queues.get(&name(queue)).await.unwrap();
        [counts.active, counts.inactive, counts.delayed]
    }
}

async fn open(dir: &tempfile::TempDir, clock: Arc<SetClock>) -> (Arc<SqliteStore>, Queues) {
    let store = Arc::new(SqliteStore::open(dir.path(), Default::default()).unwrap());
    let queues = Queues::open(QueuesParts {
        identity: Identity {
            account: "1234567890123456".parse().unwrap(),
            region: "cn-hangzhou".parse().unwrap(),
        },
        metadata: store.metadata(),
        log: store.event_log(),
        messages: store.messages(),
        clock,
        options: QueueOptions::default(),
    })
    .await
    .unwrap();
    (store, queues)
}

pub(crate) fn name(text: &str) -> MessageQueueName {
    text.parse().unwrap()
}

pub(crate) fn text(text: &str) -> NewMessage {
    NewMessage { text: text.to_owned(), ..NewMessage::default() }
}
