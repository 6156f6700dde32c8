//! What happens inside the transactions of `events.db`.
//!
//! Whoever changes this file does it in a job on its writer, [`EventsWriter::run`], inside the transaction that all
//! who wait at the moment share. A job that changes tables of its own and appends the event that tells of it does
//! both or neither:
//!
//! ```ignore
//! let seq = writer
//!     .run(Weight::of(2, body.len()), move |tx| {
//!         tx.connection()
//!             .prepare_cached("INSERT INTO object (bucket, key, etag) VALUES (?1, ?2, ?3)")
//!             .and_then(|mut s| s.execute(params![bucket, key, etag]))
//!             .attempting("store an object")?;
//!         tx.append(&event)
//!     })
//!     .await?; // Both are synced to the disk now.
//! ```

use std::fmt::Write;
use std::sync::Arc;

use kulkul_store::{NewRecord, QueueId, Seq, StoreError};
use rusqlite::{Connection, params};

use super::block::Entry;
use super::filter::Term;
use super::leases::Position;
use super::ledger::{Effect, EventsLedger};
use super::names::Table;
use crate::failure::Attempting;
use crate::writer::{Weight, Writer};

/// The writer of `events.db`.
pub(crate) struct EventsWriter(pub(crate) Writer<EventsLedger>);

impl EventsWriter {
    /// Runs a job in the transaction that is shared with whatever else waits, and returns what it returned once the
    /// commit was synced.
    ///
    /// A job that returns an error is undone by itself; the others go on. It must not begin or end transactions, and
    /// it runs on the one thread that writes: everybody waits for it, so it should take well under a millisecond.
    /// Dropping the future before the job has been queued takes it back; afterwards it runs to its end unheard.
    ///
    /// [`StoreError::Full`], [`StoreError::Poisoned`] and [`StoreError::Closed`] mean that nothing was stored.
    pub(crate) async fn run<T, F>(&self, weight: Weight, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut EventsTx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.run_guarded(weight, |conn, ledger| job(&mut EventsTx { conn, ledger })).await
    }

    /// Like [`run`](Self::run), without its price (a savepoint): the job must not fail once it has changed anything,
    /// except by the engine.
    pub(super) async fn run_bare<T, F>(&self, weight: Weight, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut EventsTx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.run(weight, |conn, ledger| job(&mut EventsTx { conn, ledger })).await
    }
}

/// The transaction of a batch, as one of its jobs sees it.
pub(crate) struct EventsTx<'t> {
    pub(super) conn: &'t Connection,
    pub(super) ledger: &'t mut EventsLedger,
}

impl EventsTx<'_> {
    /// The connection, inside the transaction. Use `prepare_cached`.
    pub(crate) fn connection(&self) -> &Connection {
        self.conn
    }

    /// Appends a record with its deliveries and returns its place.
    pub(crate) fn append(&mut self, record: &NewRecord) -> Result<Seq, StoreError> {
        let seq = self.ledger.next_seq;
        self.ledger.next_seq += 1;
        let log = self.number(Table::Log, &record.key.log.0)?;
        let routes = self.route(seq, record)?;
        let key = &record.key;
        self.conn
            .prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
            .and_then(|mut s| {
                s.execute(params![
                    seq as i64,
                    log,
                    record.accepted_at.as_millis(),
                    record.trace_id.as_u128().to_be_bytes(),
                    key.id,
                    key.source,
                    key.kind,
                    key.subject,
                    routes,
                    &*record.body,
                ])
            })
            .attempting("store a record")?;
        let body_bytes = record.body.len() as u64;
        self.ledger.body_bytes += body_bytes;
        self.ledger.tail.push(Entry { seq, accepted_at: record.accepted_at.as_millis(), body_bytes });
        let found_by = [
            Term::log(log),
            Term::id(&key.id),
            Term::source(&key.source),
            Term::kind(&key.kind),
            Term::subject(&key.subject),
        ];
        found_by.into_iter().for_each(|term| self.ledger.tail.term(term));
        Ok(Seq(seq))
    }

    /// The number of a queue, which gets one if it has none.
    pub(super) fn queue_number(&mut self, queue: &QueueId) -> Result<i64, StoreError> {
        self.number(Table::Queue, &queue.0)
    }

    /// Puts a delivery of a record on a queue, in the place of one that is there already.
    pub(super) fn put_delivery(
        &mut self,
        queue: i64,
        (due, seq): Position,
        note: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO delivery VALUES (?1, ?2, ?3, 0, ?4)")
            .and_then(|mut s| s.execute(params![seq as i64, queue, due, note]))
            .attempting("store a delivery")
            .map(drop)
    }

    /// Puts the deliveries of a record on their queues and returns the text for `record.routes`.
    fn route(&mut self, seq: u64, record: &NewRecord) -> Result<String, StoreError> {
        let mut routes = String::new();
        for route in &record.routes {
            let queue = self.queue_number(&route.queue)?;
            let position = (route.not_before.as_millis(), seq);
            self.put_delivery(queue, position, None)?;
            self.ledger.tail.term(Term::queue(queue));
            self.ledger.effects.push(match route.leased_until {
                Some(until) => Effect::BornLeased { queue, position, until },
                None => Effect::Free { queue, position },
            });
            let separator = if routes.is_empty() { "," } else { "" };
            write!(routes, "{separator}{queue},").expect("text in memory takes whatever is written to it");
        }
        Ok(routes)
    }

    fn number(&mut self, table: Table, name: &Arc<str>) -> Result<i64, StoreError> {
        self.ledger.names.number(self.conn, table, name)
    }
}
