//! The trait [`MessageLog`] on `events.db`.

use std::sync::Arc;

use kulkul_model::Timestamp;
use kulkul_store::{
    Delivery, DeliveryId, Exchange, Exchanged, MessageLog, QueueId, StoreError, StoreFuture, Takings, Tally,
};
use rusqlite::{Connection, params};

use super::Events;
use super::lease::{self, Span};
use super::leases;
use super::ledger::{Effect, EventsShared};
use super::names::Table;
use super::transaction::EventsTx;
use crate::failure::Attempting;
use crate::writer::Weight;

impl Events {
    /// Visits queues in order, in no transaction, until `visit` says stop. Those that never were are passed over.
    async fn visit_queues<T, F>(&self, queues: Vec<QueueId>, mut visit: F) -> Result<T, StoreError>
    where
        T: Default + Send + 'static,
        F: FnMut(&Connection, &EventsShared, (i64, &QueueId), &mut T) -> Result<(), StoreError>
            + Send
            + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.readers
            .read(move |conn| {
                let mut all = T::default();
                for queue in &queues {
                    if let Some(number) = shared.names.find(conn, Table::Queue, &queue.0)? {
                        visit(conn, &shared, (number, queue), &mut all)?;
                    }
                }
                Ok(all)
            })
            .await
    }
}

impl MessageLog for Events {
    fn take(
        &self,
        queues: Vec<QueueId>,
        now: Timestamp,
        until: Timestamp,
        max: usize,
    ) -> StoreFuture<'_, Takings> {
        let span = Span { now, until };
        Box::pin(self.visit_queues(queues, move |conn, shared, queue, all: &mut Takings| {
            // Also when there is enough already: it tells when the next is due.
            let left = max - all.taken.len();
            let some = lease::lease(conn, &shared.leases, queue, span, left)?;
            all.taken.extend(some.taken);
            all.next_due = all.next_due.into_iter().chain(some.next_due).min();
            Ok(())
        }))
    }

    fn give_back(&self, deliveries: Vec<DeliveryId>) -> StoreFuture<'_, ()> {
        let shared = Arc::clone(&self.shared);
        Box::pin(self.readers.read(move |conn| {
            for delivery in &deliveries {
                if let Some(queue) = shared.names.find(conn, Table::Queue, &delivery.queue.0)? {
                    leases::lock(&shared.leases.queue(queue)).give_back(delivery.seq.0);
                }
            }
            Ok(())
        }))
    }

    fn exchange(&self, exchanges: Vec<Exchange>) -> StoreFuture<'_, Vec<bool>> {
        // Forgetting a record touches its deliveries, its row and its block.
        let rows = 4 * exchanges.len();
        let job =
            move |tx: &mut EventsTx<'_>| exchanges.iter().map(|exchange| tx.exchange(exchange)).collect();
        Box::pin(self.writer.run_bare(Weight::of(rows, 0), job))
    }

    fn glance(&self, queues: Vec<QueueId>, now: Timestamp, max: usize) -> StoreFuture<'_, Vec<Delivery>> {
        Box::pin(self.visit_queues(queues, move |conn, _, queue, all: &mut Vec<Delivery>| {
            let left = max - all.len();
            all.extend(glance(conn, queue, now, left).attempting("look at a queue")?);
            Ok(())
        }))
    }

    fn tally(&self, queues: Vec<QueueId>, now: Timestamp) -> StoreFuture<'_, Tally> {
        Box::pin(self.visit_queues(queues, move |conn, _, (queue, _), all: &mut Tally| {
            let one = tally(conn, queue, now).attempting("count the deliveries of a queue")?;
            all.due += one.due;
            all.untried += one.untried;
            all.tried += one.tried;
            Ok(())
        }))
    }
}

fn glance(
    conn: &Connection,
    (queue, name): (i64, &QueueId),
    now: Timestamp,
    max: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let conn = &*conn.unchecked_transaction()?;
    let seqs = conn
        .prepare_cached(
            "SELECT seq FROM delivery INDEXED BY delivery_due
             WHERE queue = ?1 AND due <= ?2 ORDER BY due, seq LIMIT ?3",
        )?
        .query_map(params![queue, now.as_millis(), max as i64], |row| row.get::<_, i64>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    seqs.into_iter().map(|seq| lease::read_delivery(conn, queue, name, seq as u64)).collect()
}

fn tally(conn: &Connection, queue: i64, now: Timestamp) -> rusqlite::Result<Tally> {
    let conn = &*conn.unchecked_transaction()?;
    // Two queries: what is due is counted in the index alone, which does not know about failures.
    let due: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM delivery INDEXED BY delivery_due WHERE queue = ?1 AND due <= ?2",
        )?
        .query_row([queue, now.as_millis()], |row| row.get(0))?;
    let (untried, tried): (i64, i64) = conn
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE failed = 0), count(*) FILTER (WHERE failed > 0)
             FROM delivery INDEXED BY delivery_due WHERE queue = ?1 AND due > ?2",
        )?
        .query_row([queue, now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Tally { due: due as u64, untried: untried as u64, tried: tried as u64 })
}

impl EventsTx<'_> {
    /// Makes a change if the delivery stands where it is said to; returns whether it did.
    fn exchange(&mut self, exchange: &Exchange) -> Result<bool, StoreError> {
        let Exchange { delivery, from, to } = exchange;
        let Some(queue) = self.ledger.names.find(self.conn, Table::Queue, &delivery.queue.0)? else {
            return Ok(false);
        };
        let (seq, due) = (delivery.seq.0, from.due.as_millis());
        let changed = match to {
            Exchanged::PutOff { at, note } => self
                .conn
                .prepare_cached(
                    "UPDATE delivery SET due = ?5, failed = ?6, note = coalesce(?7, note)
                     WHERE seq = ?1 AND queue = ?2 AND due = ?3 AND failed = ?4",
                )
                .and_then(|mut s| {
                    let (at_due, note) = (at.due.as_millis(), note.as_deref());
                    s.execute(params![seq as i64, queue, due, from.failed, at_due, at.failed, note])
                }),
            Exchanged::Forgotten => self
                .conn
                .prepare_cached(
                    "DELETE FROM delivery WHERE seq = ?1 AND queue = ?2 AND due = ?3 AND failed = ?4",
                )
                .and_then(|mut s| s.execute(params![seq as i64, queue, due, from.failed])),
        };
        if changed.attempting("exchange a delivery")? == 0 {
            return Ok(false);
        }
        self.ledger.effects.push(Effect::Ended { queue, seq });
        match to {
            Exchanged::PutOff { at, .. } => {
                let position = (at.due.as_millis(), seq);
                self.ledger.effects.push(Effect::Free { queue, position });
            }
            Exchanged::Forgotten => self.forget(seq)?,
        }
        Ok(true)
    }

    /// Deletes a record, and takes it off whatever queue it is on.
    fn forget(&mut self, seq: u64) -> Result<(), StoreError> {
        let queues = self
            .conn
            .prepare_cached("DELETE FROM delivery WHERE seq = ?1 RETURNING queue")
            .and_then(|mut s| {
                s.query_map([seq as i64], |row| row.get(0))?.collect::<rusqlite::Result<Vec<_>>>()
            })
            .attempting("take a record off its queues")?;
        self.ledger.effects.extend(queues.into_iter().map(|queue| Effect::Ended { queue, seq }));
        self.delete_records(&[seq]).map(drop)
    }
}
