//! Message queues: messages are sent to them, wait in them, and are fetched.
//!
//! Whoever receives a message gets a receipt with it and does not see it again until its visibility time-out has
//! passed; with the receipt he deletes it, or puts the time-out off. A message that was sent is delivered until it is
//! deleted or its retention is over: at least once, in no promised order. Everything that was answered is durable,
//! visibility and the count of receives included, and requests that wait at the same time share their commits.
//!
//! A message is a record of the event log with two deliveries. One stands on the queue of its priority and is due when
//! the message is visible; the failures it counts are the receives. The other stands on a queue of its own and is due
//! when the retention is over. A receipt names the place where the first one stands, so a stale one is told by
//! comparing; see [`MessageLog::exchange`](kulkul_store::MessageLog::exchange).
//!
//! Nothing here knows of HTTP, signatures or rules.

mod attributes;
mod counts;
mod dead_letter;
mod document;
mod error;
mod expiry;
mod ids;
mod line;
mod message;
mod peek;
mod pump;
mod queue;
mod queues;
mod receipt;
mod receive;
mod registry;
mod send;
mod settle;
mod sink;

pub use attributes::{AttributeChanges, Attributes, DeadLetterPolicy, Quantity};
pub use counts::Counts;
pub use error::QueueError;
pub use message::{Message, NewMessage, Priority, Property, PropertyKind, SystemProperty};
pub use queues::{QueueOptions, Queues, QueuesParts};
pub use receive::Received;
pub use registry::{Created, QueueInfo, QueuePage};
pub use send::{BATCH_BYTES_MAX, BATCH_COUNT_MAX, Sent, SizeLimit};
