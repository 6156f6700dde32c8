//! What the writer of `events.db` knows about the file, and what it has staged but not committed yet.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kulkul_model::Timestamp;
use kulkul_store::StoreError;
use rusqlite::Connection;

use super::block::{self, Tail};
use super::leases::{self, Leases, Position, QueueLeases};
use super::names::{Names, StagedNames};
use crate::writer::Ledger;

/// What the writer and the readers of `events.db` share in memory.
#[derive(Debug, Default)]
pub(super) struct EventsShared {
    pub(super) names: Arc<Names>,
    pub(super) leases: Leases,
    /// The bytes of all bodies that are kept.
    pub(super) body_bytes: AtomicU64,
    /// How many records were appended since the file was opened.
    pub(super) appended: AtomicU64,
}

/// What a commit changes about the leases.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// A delivery begins its life leased.
    BornLeased { queue: i64, position: Position, until: Timestamp },
    /// There is a delivery at a position that nobody has leased.
    Free { queue: i64, position: Position },
    /// A delivery has left its queue or its position.
    Ended { queue: i64, seq: u64 },
}

/// What the writer knows and has staged.
pub(crate) struct EventsLedger {
    /// The next place to give out.
    pub(super) next_seq: u64,
    pub(super) names: StagedNames,
    pub(super) tail: Tail,
    /// The bytes of all bodies, the staged changes included.
    pub(super) body_bytes: u64,
    pub(super) effects: Vec<Effect>,
    /// The tail as it was before the transaction under way began a new one.
    former_tail: Option<Tail>,
    /// The state at the last commit.
    start: EventsMark,
    shared: Arc<EventsShared>,
}

/// A state to go back to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventsMark {
    next_seq: u64,
    names: usize,
    tail: block::Numbers,
    body_bytes: u64,
    effects: usize,
}

impl EventsLedger {
    /// Reads what the writer has to know.
    pub(super) fn load(conn: &Connection, shared: Arc<EventsShared>) -> Result<Self, StoreError> {
        let tail = Tail::load(conn)?;
        let next_seq = block::last_seq(conn)? + 1;
        let body_bytes = block::body_bytes(conn)? + tail.body_bytes();
        let names = StagedNames::new(Arc::clone(&shared.names));
        shared.body_bytes.store(body_bytes, Ordering::Relaxed);
        let (effects, former_tail, start) = (Vec::new(), None, EventsMark::default());
        let mut ledger = Self { next_seq, names, tail, body_bytes, effects, former_tail, start, shared };
        ledger.start = ledger.mark();
        Ok(ledger)
    }
}

impl Ledger for EventsLedger {
    type Mark = EventsMark;

    fn mark(&self) -> EventsMark {
        EventsMark {
            next_seq: self.next_seq,
            names: self.names.mark(),
            tail: self.tail.mark(),
            body_bytes: self.body_bytes,
            effects: self.effects.len(),
        }
    }

    fn rewind(&mut self, mark: EventsMark) {
        self.next_seq = mark.next_seq;
        self.names.rewind(mark.names);
        self.tail.rewind(mark.tail);
        self.body_bytes = mark.body_bytes;
        self.effects.truncate(mark.effects);
    }

    fn before_commit(&mut self, conn: &Connection) -> Result<(), StoreError> {
        self.former_tail = self.tail.write_if_full(conn)?;
        let mut queues = LastQueue::new(&self.shared.leases);
        for effect in &self.effects {
            if let Effect::BornLeased { queue, position, until } = *effect {
                leases::lock(queues.get(queue)).begin(position, until);
            }
        }
        Ok(())
    }

    fn committed(&mut self) {
        let mut queues = LastQueue::new(&self.shared.leases);
        for effect in self.effects.drain(..) {
            match effect {
                Effect::BornLeased { .. } => {}
                Effect::Free { queue, position } => leases::lock(queues.get(queue)).freed(position),
                Effect::Ended { queue, seq } => leases::lock(queues.get(queue)).end(seq),
            }
        }
        self.names.committed();
        self.former_tail = None;
        self.shared.body_bytes.store(self.body_bytes, Ordering::Relaxed);
        self.shared.appended.fetch_add(self.next_seq - self.start.next_seq, Ordering::Relaxed);
        self.start = self.mark();
    }

    fn discarded(&mut self) {
        let mut queues = LastQueue::new(&self.shared.leases);
        for effect in &self.effects {
            // Its record does not exist, so nobody else can have leased it.
            if let Effect::BornLeased { queue, position, .. } = *effect {
                leases::lock(queues.get(queue)).end(position.1);
            }
        }
        if let Some(tail) = self.former_tail.take() {
            self.tail = tail;
        }
        self.rewind(self.start);
    }
}

/// Finds the leases of queues; quick when one queue is asked for many times in a row.
struct LastQueue<'a> {
    leases: &'a Leases,
    last: Option<(i64, Arc<Mutex<QueueLeases>>)>,
}

impl<'a> LastQueue<'a> {
    fn new(leases: &'a Leases) -> Self {
        Self { leases, last: None }
    }

    fn get(&mut self, number: i64) -> &Mutex<QueueLeases> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = None;
        }
        &self.last.get_or_insert_with(|| (number, self.leases.queue(number))).1
    }
}
