//! Traces: what happened to a record, for as long as it is kept.
//!
//! Nothing is recorded here: acceptance and matching are what [`EventLog::append`](crate::EventLog::append) stores,
//! attempts are what [`EventLog::settle`](crate::EventLog::settle) stores. A trace is a way of reading them.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};

use crate::{AttemptRecord, LogName, QueueId, Record, Seq, StoreFuture};

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

/// One record that a list shows.
#[derive(Clone, Debug)]
pub struct FoundRecord {
    /// The record.
    pub record: Record,
    /// The queues that it was routed to when it was accepted.
    pub routes: Vec<QueueId>,
    /// The queues on which it is still owed, those of dead letters among them.
    pub owed: Vec<QueueId>,
    /// The queues whose targets have taken it.
    pub delivered: Vec<QueueId>,
}

/// What tells a record from others, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedKey {
    /// The id that the producer chose.
    pub id: String,
    /// The attribute `source`.
    pub source: String,
    /// The id for tracing.
    pub trace_id: TraceId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// Part of a list.
#[derive(Clone, Debug, Default)]
pub struct TracePage {
    /// The records, in the order asked for.
    pub records: Vec<FoundRecord>,
    /// Where to go on: ask for what comes after this place. `None` when there is nothing more.
    pub next: Option<Seq>,
}

/// In which order a list goes. Places are never given out twice, so a list that goes on after a place neither
/// repeats nor misses anything, whatever was appended or trimmed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By place, descending.
    NewestFirst,
    /// By place, ascending.
    OldestFirst,
}

/// Where a record stands with those that it was routed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was routed to no queue whose name starts with this.
    Unrouted(String),
    /// It is owed on a queue whose name starts with this.
    OwedOn(String),
    /// It was routed to some of these queues, is owed on none of them any more, and as many have taken it as it was
    /// routed to.
    Delivered(Counted),
    /// It was routed to some of these queues, is owed on none of them any more, and fewer have taken it than it was
    /// routed to.
    Ended(Counted),
}

/// The queues that count for where a record stands. What it is owed elsewhere, and who else has taken it, does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What their names start with.
    pub queues: String,
    /// What the names of the queues start with that keep their dead letters.
    pub dead_letters: String,
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
    /// Only those that stand like this.
    pub standing: Option<Standing>,
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

    /// The record at a place, with everything known. Takes the same time however many there are.
    fn by_place(&self, seq: Seq) -> StoreFuture<'_, Option<TracedRecord>>;

    /// The records that a filter finds, newest first, from the first after the place `after`, at most `max`.
    fn search(&self, filter: &TraceFilter, after: Option<Seq>, max: usize) -> StoreFuture<'_, Vec<Record>>;

    /// The records that a filter finds, in an order, from the first after the place `after`, at most `max`.
    ///
    /// Looks at a bounded number of records and returns a bounded number of bytes: a page may hold fewer than `max`,
    /// even none, and more can follow all the same. Only [`TracePage::next`] tells.
    fn page(
        &self,
        filter: &TraceFilter,
        order: Order,
        after: Option<Seq>,
        max: usize,
    ) -> StoreFuture<'_, TracePage>;

    /// The keys of the records of a log that were accepted at `from` or later and whose bodies `counts` takes, newest
    /// first, at most `max`.
    fn accepted_since(
        &self,
        log: &LogName,
        from: Timestamp,
        max: usize,
        counts: fn(&[u8]) -> bool,
    ) -> StoreFuture<'_, Vec<AcceptedKey>>;

    /// How many records a filter finds, counted up to `max`.
    fn count(&self, filter: &TraceFilter, max: u64) -> StoreFuture<'_, u64>;

    /// Forgets what is past retention, at most `max` records a call; returns how many went.
    fn trim(&self, keep: Retention, now: Timestamp, max: usize) -> StoreFuture<'_, u64>;
}
