//! Traces: what happened to a record, for as long as it is kept.
//!
//! Nothing is recorded here: acceptance and matching are what [`EventLog::append`](crate::EventLog::append) stores,
//! attempts are what [`EventLog::settle`](crate::EventLog::settle) stores. A trace is a way of reading them.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::Timestamp;

use crate::{AttemptRecord, LogName, QueueId, Record, StoreFuture};

/// One record with everything that is known of it.
#[derive(Clone, Debug)]
pub struct TracedRecord {
    /// The record.
    pub record: Record,
    /// The queues that it was routed to when it was accepted.
    pub routes: Vec<QueueId>,
    /// The attempts, by queue and then in order.
    pub attempts: Vec<(QueueId, AttemptRecord)>,
    /// The deliveries that are still owed, dead letters among them.
    pub pending: Vec<PendingDelivery>,
}

/// A delivery that is still owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingDelivery {
    /// The queue that it is on.
    pub queue: QueueId,
    /// When the next attempt is due.
    pub not_before: Timestamp,
    /// How many attempts have failed.
    pub failed: u32,
    /// What was kept with it.
    pub note: Option<Bytes>,
}

/// Which records to find. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct TraceFilter {
    /// The log.
    pub log: Option<LogName>,
    /// The id.
    pub id: Option<String>,
    /// The source.
    pub source: Option<String>,
    /// The type.
    pub kind: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Only those routed to a queue whose name starts with this.
    pub queue_prefix: Option<String>,
    /// Accepted at this time or later.
    pub from: Option<Timestamp>,
    /// Accepted at this time or earlier.
    pub to: Option<Timestamp>,
}

/// How much of the past to keep. A record that is still owed to somebody is always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records older than this go.
    pub age_max: Duration,
    /// When bodies take more than this, the oldest go first.
    pub bytes_max: u64,
}

/// Reading the past.
pub trait Traces: Send + Sync + 'static {
    /// The records with an id in a log, newest first, at most `max`, each with everything known.
    fn by_id(&self, log: &LogName, id: &str, max: usize) -> StoreFuture<'_, Vec<TracedRecord>>;

    /// The records that a filter finds, newest first, skipping `offset`, at most `max`.
    fn search(&self, filter: &TraceFilter, offset: usize, max: usize) -> StoreFuture<'_, Vec<Record>>;

    /// How many records a filter finds, counted up to `max`.
    fn count(&self, filter: &TraceFilter, max: u64) -> StoreFuture<'_, u64>;

    /// Forgets what is past retention, at most `max` records a call; returns how many went.
    fn trim(&self, keep: Retention, now: Timestamp, max: usize) -> StoreFuture<'_, u64>;
}
