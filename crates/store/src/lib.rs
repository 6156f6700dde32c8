//! What Kulkul asks of a storage engine, and the contract tests that every engine must pass.
//!
//! Each seam is a trait: the [`EventLog`] with its queues, [`MessageLog`], [`Metadata`], [`Blobs`],
//! [`Objects`](objects::Objects) and [`Traces`].
//! Every write is durable when its future resolves to `Ok`, as far as [`EventLog::durability`] says. A failed commit
//! poisons an engine: it refuses further writes until it has been opened anew. Attempts, back-off and what becomes
//! of a dead letter are decided above; an engine only stores the decisions.

mod blobs;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod event_log;
mod messages;
mod metadata;
pub mod objects;
mod traces;

pub use blobs::{Blobs, Digest};
pub use error::StoreError;
pub use event_log::{
    AttemptRecord, Delivery, DeliveryId, Durability, EventLog, LogName, NewRecord, NextState, Position,
    QueueId, QueueStats, Record, RecordKey, Route, Seq, Settlement,
};
pub use messages::{Exchange, Exchanged, Footing, MessageLog, Taken, Takings, Tally};
pub use metadata::{Change, Document, Key, Metadata, Revision, Watch};
pub use traces::{
    AcceptedKey, Counted, FoundRecord, Order, PendingDelivery, Retention, Standing, TraceFilter, TracePage,
    TracedRecord, Traces,
};

/// A boxed future of a trait method. Boxed, so that engines can be chosen at run time.
pub type StoreFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;
