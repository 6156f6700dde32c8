//! The names under which the store knows a queue.

use kulkul_model::MessageQueueName;
use kulkul_store::{LogName, QueueId};

use crate::Priority;

const PREFIX: &str = "message/";

/// The queues in the store that are one queue here.
///
/// They are named after its incarnation as well, so that a queue that is created again after it was deleted starts
/// empty, whatever is left of the former one.
#[derive(Debug)]
pub(crate) struct StoreIds {
    /// By the index of the priority: due when a message is visible.
    pub(crate) priorities: [QueueId; Priority::COUNT],
    /// Due when the retention of a message is over.
    pub(crate) expiry: QueueId,
    pub(crate) log: LogName,
}

impl StoreIds {
    pub(crate) fn new(name: &MessageQueueName, incarnation: u128) -> Self {
        let id = |part: &str| QueueId(format!("{PREFIX}{name}/{incarnation:032x}/{part}").into());
        Self {
            priorities: std::array::from_fn(|index| id(&(index + 1).to_string())),
            expiry: id("expiry"),
            log: LogName(format!("{PREFIX}{name}").into()),
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &QueueId> {
        self.priorities.iter().chain([&self.expiry])
    }
}

/// Whether a queue of the store is part of one of ours, past or present.
pub(crate) fn is_ours(queue: &QueueId) -> bool {
    queue.0.starts_with(PREFIX)
}
