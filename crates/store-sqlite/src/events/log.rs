//! The trait [`EventLog`] on `events.db`.

use std::sync::Arc;

use kulkul_model::Timestamp;
use kulkul_store::{
    Delivery, DeliveryId, Durability, EventLog, NewRecord, Position, QueueId, QueueStats, Record, Seq,
    Settlement, StoreError, StoreFuture,
};
use rusqlite::{Connection, OptionalExtension};

use super::Events;
use super::lease::{self, Span};
use super::ledger::EventsShared;
use super::names::Table;
use super::rows::{self, record_columns};
use super::settle::PURGED_AT_ONCE;
use super::transaction::EventsTx;
use crate::failure::Attempting;
use crate::writer::Weight;

impl Events {
    /// Runs `work` with the number of a queue, in no transaction. A queue that never was gives the default.
    async fn read_queue<T, F>(&self, queue: QueueId, work: F) -> Result<T, StoreError>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Connection, &EventsShared, (i64, &QueueId)) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.readers
            .read(move |conn| match shared.names.find(conn, Table::Queue, &queue.0)? {
                Some(number) => work(conn, &shared, (number, &queue)),
                None => Ok(T::default()),
            })
            .await
    }

    async fn purge_all(&self, queue: QueueId) -> Result<u64, StoreError> {
        let job = move |tx: &mut EventsTx<'_>| {
            let queue = tx.ledger.names.find(tx.conn, Table::Queue, &queue.0)?;
            Ok(queue.map(|queue| (queue, tx.ledger.next_seq - 1)))
        };
        let Some((queue, last)) = self.writer.run_bare(Weight::SMALL, job).await? else { return Ok(0) };
        let mut purged = 0;
        loop {
            let weight = Weight::of(PURGED_AT_ONCE, 0);
            let some = self.writer.run_bare(weight, move |tx| tx.purge_some(queue, last)).await?;
            purged += some as u64;
            if some < PURGED_AT_ONCE {
                return Ok(purged);
            }
        }
    }
}

impl EventLog for Events {
    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn append(&self, records: Vec<NewRecord>) -> StoreFuture<'_, Vec<Seq>> {
        let rows = records.iter().map(|record| 1 + record.routes.len()).sum();
        let bytes = records.iter().map(|record| record.body.len()).sum();
        let job = move |tx: &mut EventsTx<'_>| records.iter().map(|record| tx.append(record)).collect();
        Box::pin(self.writer.run_bare(Weight::of(rows, bytes), job))
    }

    fn lease(
        &self,
        queue: &QueueId,
        now: Timestamp,
        until: Timestamp,
        max: usize,
    ) -> StoreFuture<'_, Vec<Delivery>> {
        let span = Span { now, until };
        Box::pin(self.read_queue(queue.clone(), move |conn, shared, queue| {
            let takings = lease::lease(conn, &shared.leases, queue, span, max)?;
            Ok(takings.taken.into_iter().map(|taken| taken.delivery).collect())
        }))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, ()> {
        let rows = 2 * settlements.len();
        let job = move |tx: &mut EventsTx<'_>| settlements.iter().try_for_each(|s| tx.settle(s));
        Box::pin(self.writer.run_bare(Weight::of(rows, 0), job))
    }

    fn queues(&self) -> StoreFuture<'_, Vec<QueueId>> {
        Box::pin(self.readers.snapshot(|conn| {
            conn.prepare_cached(
                "SELECT name FROM queue WHERE EXISTS (
                     SELECT 1 FROM delivery INDEXED BY delivery_due WHERE delivery.queue = queue.number)",
            )
            .and_then(|mut s| s.query_map([], rows::queue)?.collect())
            .attempting("list the queues")
        }))
    }

    fn queue_stats(&self, queue: &QueueId, now: Timestamp) -> StoreFuture<'_, QueueStats> {
        Box::pin(self.read_queue(queue.clone(), move |conn, shared, (queue, _)| {
            lease::stats(conn, &shared.leases, queue, now)
        }))
    }

    fn next_due(&self, queue: &QueueId, now: Timestamp) -> StoreFuture<'_, Option<Timestamp>> {
        Box::pin(self.read_queue(queue.clone(), move |conn, shared, (queue, _)| {
            lease::next_due(conn, &shared.leases, queue, now)
        }))
    }

    fn find(&self, delivery: &DeliveryId) -> StoreFuture<'_, Option<Delivery>> {
        let seq = delivery.seq;
        Box::pin(self.read_queue(delivery.queue.clone(), move |conn, _, queue| lease::find(conn, queue, seq)))
    }

    fn browse(&self, queue: &QueueId, after: Option<Position>, max: usize) -> StoreFuture<'_, Vec<Delivery>> {
        let after = after.map_or((i64::MIN, 0), |after| (after.not_before.as_millis(), after.seq.0));
        Box::pin(self.read_queue(queue.clone(), move |conn, _, queue| lease::browse(conn, queue, after, max)))
    }

    fn purge(&self, queue: &QueueId) -> StoreFuture<'_, u64> {
        Box::pin(self.purge_all(queue.clone()))
    }

    fn read(&self, seq: Seq) -> StoreFuture<'_, Option<Record>> {
        Box::pin(self.readers.snapshot(move |conn| {
            conn.prepare_cached(concat!(
                "SELECT ",
                record_columns!(),
                " FROM record AS r JOIN log AS l ON l.number = r.log WHERE r.seq = ?1"
            ))
            .and_then(|mut s| s.query_row([seq.0 as i64], rows::record).optional())
            .attempting("read a record")
        }))
    }
}
