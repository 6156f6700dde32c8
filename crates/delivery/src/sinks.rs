//! The seams to whatever takes an event or a message and keeps it: other buses, message queues.
//!
//! Targets and dead-letter queues use the same ones.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_model::{BusName, MessageQueueName};
use kulkul_store::{Record, StoreError};

/// Other event buses of this server, as deliveries see them.
pub trait BusSink: Send + Sync + 'static {
    /// Puts a stored event on another bus. Its id, source, type, time and data stay. Durable when it returns; put again
    /// when the process dies before that is noted.
    fn put<'a>(&'a self, bus: &'a BusName, record: &'a Record) -> BoxFuture<'a, Result<(), SinkError>>;
}

/// Message queues of this server, as deliveries see them.
pub trait QueueSink: Send + Sync + 'static {
    /// Sends a message with this body. Durable when it returns; sent again when the process dies before that is noted.
    fn send<'a>(&'a self, queue: &'a MessageQueueName, body: Bytes) -> BoxFuture<'a, Result<(), SinkError>>;
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// There is no such bus or queue.
    #[error("there is no {what}")]
    Missing {
        /// What is missing, such as ``event bus `b` ``.
        what: String,
    },
    /// It will never be taken.
    #[error("{reason}")]
    Refused {
        /// Why, as a sentence without a full stop.
        reason: String,
    },
    /// The store failed.
    #[error("it cannot be stored")]
    Store(#[from] StoreError),
}

impl SinkError {
    /// Whether the same call can succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Refused { .. } => false,
            Self::Store(error) => error.is_retryable(),
        }
    }
}
