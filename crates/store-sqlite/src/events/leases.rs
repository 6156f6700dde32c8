//! Who works on which delivery: leases, in memory only.
//!
//! The deliveries of a queue stand in order of when they are due. Everything before a queue's *frontier* is leased,
//! so looking for something to lease starts there, however much is leased before it. Whatever frees a delivery
//! before the frontier moves the frontier back.
//!
//! Readers and the writer agree by order: a lease that begins with its delivery is noted *before* the commit that
//! makes the delivery visible; a lease ends, and the frontier moves back, *after* the commit that allows it. Who
//! looks for something to lease holds the queue's lock from before its snapshot until it has noted its leases.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kulkul_model::Timestamp;

/// Where a delivery stands in its queue: when it is due, then its record.
pub(super) type Position = (i64, u64);

/// The leases of all queues, by the queue's number.
#[derive(Debug, Default)]
pub(super) struct Leases {
    queues: Mutex<HashMap<i64, Arc<Mutex<QueueLeases>>>>,
}

/// The leases of one queue.
#[derive(Debug)]
pub(super) struct QueueLeases {
    held: HashMap<u64, Held>,
    expiry: BTreeSet<(i64, u64)>,
    frontier: Position,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    due: i64,
    until: i64,
}

const START: Position = (i64::MIN, 0);

impl Leases {
    /// The leases of a queue.
    pub(super) fn queue(&self, number: i64) -> Arc<Mutex<QueueLeases>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(number).or_default())
    }
}

/// Locks a queue's leases.
pub(super) fn lock(queue: &Mutex<QueueLeases>) -> MutexGuard<'_, QueueLeases> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for QueueLeases {
    fn default() -> Self {
        Self { held: HashMap::new(), expiry: BTreeSet::new(), frontier: START }
    }
}

impl QueueLeases {
    /// Leases the delivery at a position.
    pub(super) fn begin(&mut self, (due, seq): Position, until: Timestamp) {
        let until = until.as_millis();
        if let Some(former) = self.held.insert(seq, Held { due, until }) {
            self.expiry.remove(&(former.until, seq));
        }
        self.expiry.insert((until, seq));
    }

    /// Ends the lease of a record's delivery, if there is one. The delivery is gone or has moved.
    pub(super) fn end(&mut self, seq: u64) {
        if let Some(held) = self.held.remove(&seq) {
            self.expiry.remove(&(held.until, seq));
        }
    }

    /// Ends the lease of a record's delivery, which stays where it is.
    pub(super) fn give_back(&mut self, seq: u64) {
        if let Some(held) = self.held.get(&seq) {
            let position = (held.due, seq);
            self.end(seq);
            self.freed(position);
        }
    }

    /// There is a delivery at a position that nobody has leased.
    pub(super) fn freed(&mut self, position: Position) {
        self.frontier = self.frontier.min(position);
    }

    /// Ends the leases that have run out.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(&(until, seq)) = self.expiry.first()
            && until <= now.as_millis()
        {
            self.give_back(seq);
        }
    }

    /// Whether a delivery is leased.
    pub(super) fn is_leased(&self, seq: u64, now: Timestamp) -> bool {
        self.held.get(&seq).is_some_and(|held| held.until > now.as_millis())
    }

    /// Where to start looking for something to lease.
    pub(super) fn frontier(&self) -> Position {
        self.frontier
    }

    /// Everything up to and including a position is leased.
    pub(super) fn advance(&mut self, (due, seq): Position) {
        self.frontier = (due, seq + 1);
    }

    /// How many leased deliveries are due.
    pub(super) fn leased_and_due(&self, now: Timestamp) -> u64 {
        let now = now.as_millis();
        self.held.values().filter(|held| held.until > now && held.due <= now).count() as u64
    }

    /// When the earliest of those is due whose lease has run out.
    pub(super) fn earliest_expired(&self, now: Timestamp) -> Option<i64> {
        let run_out = self.expiry.range(..=(now.as_millis(), u64::MAX));
        run_out.filter_map(|(_, seq)| self.held.get(seq)).map(|held| held.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_frontier_goes_back_to_whatever_is_freed() {
        let mut leases = QueueLeases::default();
        for seq in 1..=3 {
            leases.begin((10, seq), at(100 + seq as i64));
            leases.advance((10, seq));
        }
        leases.expire(at(100));
        assert_eq!(leases.frontier(), (10, 4), "nothing has run out yet");
        leases.expire(at(102));
        assert_eq!(leases.frontier(), (10, 1));
        assert_eq!([1, 2, 3].map(|seq| leases.is_leased(seq, at(0))), [false, false, true]);
    }

    #[test]
    fn a_renewed_lease_runs_out_at_its_later_time() {
        let mut leases = QueueLeases::default();
        leases.begin((10, 1), at(100));
        leases.begin((10, 1), at(200));
        leases.expire(at(150));
        assert!(leases.is_leased(1, at(150)));
        assert_eq!(leases.earliest_expired(at(200)), Some(10));
    }
}
