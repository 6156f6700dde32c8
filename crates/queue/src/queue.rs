//! One queue in memory: what it is, who waits at it, and what is known of its messages without asking the store.

use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::sync::{PoisonError, RwLock};

use kulkul_model::{MessageQueueName, Timestamp};
use kulkul_store::{QueueId, Revision};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::document::QueueDocument;
use crate::ids::StoreIds;
use crate::line::Line;
use crate::receipt::Seal;
use crate::{Attributes, Priority};

/// What can change about a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) attributes: Attributes,
    pub(crate) modified_at: Timestamp,
}

pub(crate) struct Queue {
    pub(crate) name: MessageQueueName,
    pub(crate) incarnation: u128,
    pub(crate) created_at: Timestamp,
    pub(crate) ids: StoreIds,
    pub(crate) seal: Seal,
    /// Who waits for messages.
    pub(crate) line: Line,
    /// A message may be visible earlier than was thought.
    pub(crate) stirred: Notify,
    /// The queue was deleted.
    pub(crate) gone: CancellationToken,
    settings: RwLock<(Settings, Revision)>,
    /// A bit for each priority that ever had a message since the server started, so that the others are not asked.
    used: AtomicU16,
    /// No message expires before this time, in milliseconds; see [`Queue::expiry_is_due`].
    next_expiry: AtomicI64,
    /// Held while expired messages are dropped.
    pub(crate) expiring: tokio::sync::Mutex<()>,
}

impl Queue {
    pub(crate) fn new(document: QueueDocument, revision: Revision) -> Self {
        let QueueDocument { name, incarnation, created_at, settings } = document;
        Self {
            ids: StoreIds::new(&name, incarnation),
            seal: Seal::new(incarnation),
            line: Line::default(),
            stirred: Notify::new(),
            gone: CancellationToken::new(),
            settings: RwLock::new((settings, revision)),
            used: AtomicU16::new(0),
            next_expiry: AtomicI64::new(i64::MIN),
            expiring: tokio::sync::Mutex::default(),
            name,
            incarnation,
            created_at,
        }
    }

    pub(crate) fn settings(&self) -> (Settings, Revision) {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn attributes(&self) -> Attributes {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).0.attributes.clone()
    }

    pub(crate) fn set_settings(&self, settings: Settings, revision: Revision) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = (settings, revision);
    }

    pub(crate) fn document(&self, settings: Settings) -> QueueDocument {
        QueueDocument {
            name: self.name.clone(),
            incarnation: self.incarnation,
            created_at: self.created_at,
            settings,
        }
    }

    /// Notes that a priority has messages. Called before they are stored, so that whoever looks finds them.
    pub(crate) fn use_priority(&self, priority: Priority) {
        self.used.fetch_or(1 << priority.index(), Ordering::SeqCst);
    }

    /// The queues in the store that may have messages, the highest priority first.
    pub(crate) fn used_queues(&self) -> Vec<QueueId> {
        let used = self.used.load(Ordering::SeqCst);
        let priorities = self.ids.priorities.iter().enumerate();
        priorities.filter(|(index, _)| used & (1 << index) != 0).map(|(_, id)| id.clone()).collect()
    }

    /// Whether a message may have expired.
    pub(crate) fn expiry_is_due(&self, now: Timestamp) -> bool {
        self.next_expiry.load(Ordering::SeqCst) <= now.as_millis()
    }

    /// A message expires at a time.
    pub(crate) fn expires(&self, at: Timestamp) {
        self.next_expiry.fetch_min(at.as_millis(), Ordering::SeqCst);
    }

    /// Whoever calls this is about to find out when the next message expires. Those that are sent meanwhile tell
    /// themselves.
    pub(crate) fn forget_expiry(&self) {
        self.next_expiry.store(i64::MAX, Ordering::SeqCst);
    }
}
