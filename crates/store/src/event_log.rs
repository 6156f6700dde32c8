//! The event log and its queues: what was accepted, and to whom it is still owed.
//!
//! A *record* is one accepted thing: an event of a bus, or the payload of an asynchronous invocation. A *queue*
//! holds the deliveries owed to one target. Appending a record puts one delivery on each queue that it is routed to,
//! in the same commit. A delivery leaves its queue when it is settled.
//!
//! A *lease* is a time-limited right to work on a delivery. Leases save work, they do not prevent duplicates: an
//! engine may forget them in a crash, and the delivery is then due again.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};

use crate::StoreFuture;

/// How durable an acknowledged write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It was synced to the disk of this machine.
    Synced,
    /// So many machines have it.
    Replicated(u8),
}

/// The name of a log, such as that of a bus or `invocations`. It names the same log after a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(pub Arc<str>);

/// The name of a queue, such as `rule/{bus}/{rule}/{target}`. It names the same queue after a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub Arc<str>);

/// The place of a record in the engine, ascending in order of commit over all logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record can be found by. For an event: its attributes. For an invocation: its id, the function as source, the
/// task id that its caller chose as subject, and as type a word for what caused it, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordKey {
    /// The log.
    pub log: LogName,
    /// The id that the producer chose. Not unique.
    pub id: String,
    /// The attribute `source`.
    pub source: String,
    /// The attribute `type`.
    pub kind: String,
    /// The attribute `subject`; empty when there is none.
    pub subject: String,
}

/// A record to append.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// What it can be found by.
    pub key: RecordKey,
    /// The id that was given to the producer for tracing.
    pub trace_id: TraceId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The complete event as JSON text, or the payload.
    pub body: Bytes,
    /// The queues that get a delivery of it; each at most once.
    pub routes: Vec<Route>,
}

/// One queue that a record goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The queue.
    pub queue: QueueId,
    /// The earliest time of the first attempt.
    pub not_before: Timestamp,
    /// Leases the delivery to the appender at birth, until this time: it has the record at hand and a free slot, so
    /// reading it back would be wasted work.
    pub leased_until: Option<Timestamp>,
}

/// An appended record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place.
    pub seq: Seq,
    /// What it can be found by.
    pub key: RecordKey,
    /// The id for tracing.
    pub trace_id: TraceId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The complete event as JSON text, or the payload.
    pub body: Bytes,
}

/// Which delivery: a record on a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    /// The record.
    pub seq: Seq,
    /// The queue.
    pub queue: QueueId,
}

/// Where a delivery stands in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// When it is due.
    pub not_before: Timestamp,
    /// Its record; of those that are due at the same time, what was appended first stands first.
    pub seq: Seq,
}

/// A delivery as it was read.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The queue.
    pub queue: QueueId,
    /// The record owed.
    pub record: Arc<Record>,
    /// When it was due, at the time of reading.
    pub not_before: Timestamp,
    /// How many attempts have failed so far.
    pub failed: u32,
    /// What a former attempt kept for the next ones: the transformed event, or the last failure of a dead letter.
    pub note: Option<Bytes>,
}

impl Delivery {
    /// Which delivery this is.
    pub fn id(&self) -> DeliveryId {
        DeliveryId { seq: self.record.seq, queue: self.queue.clone() }
    }

    /// Where it stood in its queue, at the time of reading.
    pub fn position(&self) -> Position {
        Position { not_before: self.not_before, seq: self.record.seq }
    }
}

/// What becomes of a leased delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextState {
    /// It is off its queue: delivered or discarded.
    Done,
    /// It stays on its queue and is due again at a time.
    Waiting {
        /// When.
        not_before: Timestamp,
        /// How many attempts have failed so far.
        failed: u32,
        /// What to keep for the next attempt.
        note: Option<Bytes>,
    },
    /// It moves to another queue, in the same commit: a dead letter. There its failed attempts count from 0 again, and it
    /// takes the place of a delivery of the same record.
    Moved {
        /// The queue that gets it.
        queue: QueueId,
        /// When it is due there.
        not_before: Timestamp,
        /// What to keep with it.
        note: Option<Bytes>,
    },
}

/// The end of one lease: the new state and, when there was one, the attempt.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What becomes of it.
    pub next: NextState,
    /// The attempt to remember for tracing. `None` when a lease is only given back.
    pub attempt: Option<AttemptRecord>,
}

/// One attempt, for tracing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its number, from 1. Where the trace has another attempt of this number, which began at another time, it is told
    /// under the next number that is free: a dead letter that is sent again starts to count anew.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in microseconds.
    pub elapsed_micros: u64,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// What the target answered, such as `[200]Ok`.
    pub answer: String,
    /// The id of the invocation, when the target is a function.
    pub invocation: Option<String>,
    /// What the function logged, when the target is a function; at most 4 KiB.
    pub log: Option<String>,
}

/// The numbers of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Deliveries on it.
    pub pending: u64,
    /// Deliveries on it that are due and not leased.
    pub due: u64,
    /// When the next one that is not leased is due.
    pub next_due: Option<Timestamp>,
    /// When the oldest of their records was accepted.
    pub oldest: Option<Timestamp>,
}

/// The event log and its queues.
pub trait EventLog: Send + Sync + 'static {
    /// How durable a write is once its future has resolved.
    fn durability(&self) -> Durability;

    /// Appends records with their deliveries, in one commit that is shared with whatever else waits.
    ///
    /// All records of one call are stored, or none. Returns their places, ascending, in the order given.
    fn append(&self, records: Vec<NewRecord>) -> StoreFuture<'_, Vec<Seq>>;

    /// Leases at most `max` due deliveries of `queue` until `until`, those that are due longest first.
    ///
    /// Never returns one that is leased. An expired lease counts as none.
    fn lease(
        &self,
        queue: &QueueId,
        now: Timestamp,
        until: Timestamp,
        max: usize,
    ) -> StoreFuture<'_, Vec<Delivery>>;

    /// Ends leases. What no longer exists is passed over, so that settling twice is harmless.
    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, ()>;

    /// The queues that have deliveries, in no order.
    fn queues(&self) -> StoreFuture<'_, Vec<QueueId>>;

    /// The numbers of one queue at `now`. Takes time in proportion to what is on it.
    fn queue_stats(&self, queue: &QueueId, now: Timestamp) -> StoreFuture<'_, QueueStats>;

    /// When the next delivery of a queue is due that is not leased at `now`. Takes the same time however many there are.
    fn next_due(&self, queue: &QueueId, now: Timestamp) -> StoreFuture<'_, Option<Timestamp>>;

    /// The deliveries of a queue in order of their positions, from the first after `after`; for showing them.
    /// Leases nothing.
    fn browse(&self, queue: &QueueId, after: Option<Position>, max: usize) -> StoreFuture<'_, Vec<Delivery>>;

    /// One delivery. Leases nothing.
    fn find(&self, delivery: &DeliveryId) -> StoreFuture<'_, Option<Delivery>>;

    /// Takes every delivery off a queue and returns how many there were.
    fn purge(&self, queue: &QueueId) -> StoreFuture<'_, u64>;

    /// The record at a place.
    fn read(&self, seq: Seq) -> StoreFuture<'_, Option<Record>>;
}
