//! A log that keeps nothing: everything above the store, without the store.

use std::sync::atomic::{AtomicU64, Ordering};

use kulkul_model::Timestamp;
use kulkul_store::{
    Delivery, DeliveryId, Durability, EventLog, NewRecord, Position, QueueId, QueueStats, Record, Seq,
    Settlement, StoreFuture,
};

/// Answers every append at once.
#[derive(Default)]
pub(crate) struct Forgetful {
    next: AtomicU64,
}

impl EventLog for Forgetful {
    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn append(&self, records: Vec<NewRecord>) -> StoreFuture<'_, Vec<Seq>> {
        let first = self.next.fetch_add(records.len() as u64, Ordering::Relaxed);
        let seqs = (0..records.len() as u64).map(|offset| Seq(first + offset)).collect();
        Box::pin(std::future::ready(Ok(seqs)))
    }

    fn lease(&self, _: &QueueId, _: Timestamp, _: Timestamp, _: usize) -> StoreFuture<'_, Vec<Delivery>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn settle(&self, _: Vec<Settlement>) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn queues(&self) -> StoreFuture<'_, Vec<QueueId>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn queue_stats(&self, _: &QueueId, _: Timestamp) -> StoreFuture<'_, QueueStats> {
        Box::pin(std::future::ready(Ok(QueueStats::default())))
    }

    fn next_due(&self, _: &QueueId, _: Timestamp) -> StoreFuture<'_, Option<Timestamp>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn browse(&self, _: &QueueId, _: Option<Position>, _: usize) -> StoreFuture<'_, Vec<Delivery>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn find(&self, _: &DeliveryId) -> StoreFuture<'_, Option<Delivery>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn purge(&self, _: &QueueId) -> StoreFuture<'_, u64> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn read(&self, _: Seq) -> StoreFuture<'_, Option<Record>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
