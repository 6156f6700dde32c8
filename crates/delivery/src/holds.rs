//! Targets that are held back until somebody says otherwise: blocked by a delivery, or paused by a person. Durable.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use kulkul_store::{Key, Metadata, QueueId, StoreError};

/// Why a target is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hold {
    /// A delivery was given up there, and the target tolerates no errors.
    Blocked,
    /// Somebody paused it.
    Paused,
}

const ALL: [Hold; 2] = [Hold::Blocked, Hold::Paused];

/// The holds of all targets, in memory as the store has them.
#[derive(Debug)]
pub(crate) struct Holds(Mutex<HashMap<QueueId, HashSet<Hold>>>);

impl Hold {
    /// What the keys of such holds start with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Blocked => "blocked/",
            Self::Paused => "paused/",
        }
    }

    fn key(self, queue: &QueueId) -> Key {
        format!("{}{queue}", self.prefix()).into()
    }
}

impl Holds {
    /// Reads what is held back.
    pub(crate) async fn read(metadata: &dyn Metadata) -> Result<Self, StoreError> {
        let mut held: HashMap<QueueId, HashSet<Hold>> = HashMap::new();
        for hold in ALL {
            let documents = metadata.documents(hold.prefix()).await?;
            let queues = documents.iter().filter_map(|document| document.key.0.strip_prefix(hold.prefix()));
            for queue in queues {
                held.entry(QueueId(queue.into())).or_default().insert(hold);
            }
        }
        Ok(Self(Mutex::new(held)))
    }

    /// What holds a target back.
    pub(crate) fn of(&self, queue: &QueueId) -> HashSet<Hold> {
        self.lock().get(queue).cloned().unwrap_or_default()
    }

    /// Notes a hold; harmless when it is there already. Durable when it returns.
    pub(crate) async fn put(
        &self,
        metadata: &dyn Metadata,
        queue: &QueueId,
        hold: Hold,
    ) -> Result<(), StoreError> {
        match metadata.create(&hold.key(queue), Bytes::from_static(b"{\"format\":1}")).await {
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        self.lock().entry(queue.clone()).or_default().insert(hold);
        Ok(())
    }

    /// Lifts all holds of a target. Durable when it returns.
    pub(crate) async fn lift(&self, metadata: &dyn Metadata, queue: &QueueId) -> Result<(), StoreError> {
        for hold in self.of(queue) {
            metadata.delete(&hold.key(queue), None).await?;
        }
        self.lock().remove(queue);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<QueueId, HashSet<Hold>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
