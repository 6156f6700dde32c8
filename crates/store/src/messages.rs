//! What message queues ask of the log beyond deliveries.
//!
//! A message is a record that somebody fetches instead of being called with it. Who fetches does not hold a lease for
//! as long as he works: the delivery is put off, durably, and whoever comes back later must show that it still stands
//! where he left it. When a message is done with, nothing of it is kept.

use bytes::Bytes;
use kulkul_model::Timestamp;

use crate::{Delivery, DeliveryId, QueueId, StoreFuture};

/// Where a delivery stands on its queue. It changes with every exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footing {
    /// When it is due.
    pub due: Timestamp,
    /// How many attempts have failed.
    pub failed: u32,
}

/// A delivery that was taken: it is leased.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The delivery.
    pub delivery: Delivery,
    /// Since when it is due.
    pub due: Timestamp,
}

/// What was taken from several queues.
#[derive(Clone, Debug, Default)]
pub struct Takings {
    /// By queue in the order asked for, and then those first that are due longest.
    pub taken: Vec<Taken>,
    /// When the first one is due that was not taken and is not leased. In the past when there was more than asked for.
    pub next_due: Option<Timestamp>,
}

/// A change of a delivery that happens only if the delivery stands where it is said to stand.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Where it stands.
    pub from: Footing,
    /// What becomes of it.
    pub to: Exchanged,
}

/// What becomes of a delivery. Its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// It stands somewhere else.
    PutOff {
        /// Where.
        at: Footing,
        /// What to keep with it from now on; `None`: what is kept already.
        note: Option<Bytes>,
    },
    /// Its record is forgotten, with all its deliveries on whatever queue.
    Forgotten,
}

/// How many deliveries of some queues are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They are due, leased or not.
    pub due: u64,
    /// They are due later, and no attempt has failed yet.
    pub untried: u64,
    /// They are due later, and some attempt has failed.
    pub tried: u64,
}

/// A log that keeps messages.
pub trait MessageLog: Send + Sync + 'static {
    /// Leases at most `max` due deliveries until `until`, from the first queue before the second and so on.
    ///
    /// Never returns one that is leased. An expired lease counts as none.
    fn take(
        &self,
        queues: Vec<QueueId>,
        now: Timestamp,
        until: Timestamp,
        max: usize,
    ) -> StoreFuture<'_, Takings>;

    /// Ends leases without a change: the deliveries stand where they stood. Stores nothing.
    fn give_back(&self, deliveries: Vec<DeliveryId>) -> StoreFuture<'_, ()>;

    /// Makes changes in one commit, and tells of each whether its delivery stood where it was said to.
    ///
    /// One that did not is left alone; the others happen all the same.
    fn exchange(&self, exchanges: Vec<Exchange>) -> StoreFuture<'_, Vec<bool>>;

    /// What [`take`](MessageLog::take) would take if nothing were leased. Leases nothing.
    fn glance(&self, queues: Vec<QueueId>, now: Timestamp, max: usize) -> StoreFuture<'_, Vec<Delivery>>;

    /// Counts the deliveries of some queues.
    fn tally(&self, queues: Vec<QueueId>, now: Timestamp) -> StoreFuture<'_, Tally>;
}
