//! Why a queue could not do what it was asked.

use kulkul_model::MessageQueueName;
use kulkul_store::StoreError;

use crate::Quantity;

/// What a caller can do something about.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no such queue.
    #[error("there is no queue `{queue}`")]
    UnknownQueue {
        /// Its name.
        queue: MessageQueueName,
    },
    /// There is a queue of this name, with other attributes.
    #[error("there is a queue `{queue}` with other attributes")]
    QueueExists {
        /// Its name.
        queue: MessageQueueName,
    },
    /// A number is out of its limits.
    #[error("the {quantity} must be {} to {} {}", quantity.limits().0, quantity.limits().1, quantity.unit())]
    OutOfRange {
        /// Which number.
        quantity: Quantity,
    },
    /// A message is larger than its queue takes.
    #[error("the message has more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A message without text.
    #[error("the message is empty")]
    Empty,
    /// A property breaks a rule.
    #[error("property `{name}` {problem}")]
    BadProperty {
        /// Its name, or what was given as such.
        name: String,
        /// What is wrong, as a predicate.
        problem: &'static str,
    },
    /// A text that is no receipt of this queue.
    #[error("this is no receipt of the queue")]
    BadReceipt,
    /// The message has been deleted, has been received again, or its receipt was replaced or has run out.
    #[error("the receipt is no longer good")]
    StaleReceipt,
    /// The queue that gets dead letters is the queue itself, or not named properly.
    #[error("`{target}` cannot be the queue for dead letters")]
    BadDeadLetterQueue {
        /// The queue as it was given.
        target: String,
    },
    /// A stored queue was written by another version, or is damaged.
    #[error("cannot read the stored document `{key}`")]
    Unreadable {
        /// Its key in the store.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The store failed.
    #[error("cannot use the messages in the store")]
    Store(#[from] StoreError),
}

impl QueueError {
    /// Whether the same call can succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::UnknownQueue { .. }
            | Self::QueueExists { .. }
            | Self::OutOfRange { .. }
            | Self::TooLarge { .. }
            | Self::Empty
            | Self::BadProperty { .. }
            | Self::BadReceipt
            | Self::StaleReceipt
            | Self::BadDeadLetterQueue { .. }
            | Self::Unreadable { .. } => false,
        }
    }
}
