//! The end of a lease, inside a transaction.

use kulkul_model::Timestamp;
use kulkul_store::{AttemptRecord, NextState, QueueId, Settlement, StoreError};
use rusqlite::params;

use super::ledger::Effect;
use super::names::Table;
use super::transaction::EventsTx;
use crate::failure::Attempting;

/// How many deliveries one job of a purge takes off: it runs on the thread that writes, and others wait for it.
pub(super) const PURGED_AT_ONCE: usize = 1000;

impl EventsTx<'_> {
    /// Stores what becomes of a delivery. Does nothing when there is no such delivery.
    pub(super) fn settle(&mut self, settlement: &Settlement) -> Result<(), StoreError> {
        let delivery = &settlement.delivery;
        let Some(queue) = self.ledger.names.find(self.conn, Table::Queue, &delivery.queue.0)? else {
            return Ok(());
        };
        let seq = delivery.seq.0;
        let was_there = match &settlement.next {
            NextState::Done => self.take_off(seq, queue)?,
            NextState::Waiting { not_before, failed, note } => {
                self.put_off(seq, queue, *not_before, *failed, note.as_deref())?
            }
            NextState::Moved { queue: to, not_before, note } => {
                self.take_off(seq, queue)? && self.put_on(seq, to, *not_before, note.as_deref())?
            }
        };
        match &settlement.attempt {
            Some(attempt) if was_there => self.store_attempt(seq, queue, attempt),
            _ => Ok(()),
        }
    }

    /// Takes at most [`PURGED_AT_ONCE`] deliveries off a queue, of records up to `last`; returns how many.
    pub(super) fn purge_some(&mut self, queue: i64, last: u64) -> Result<usize, StoreError> {
        let mut delete = self
            .conn
            .prepare_cached(
                "DELETE FROM delivery WHERE queue = ?1 AND seq IN (
                     SELECT seq FROM delivery INDEXED BY delivery_due
                     WHERE queue = ?1 AND seq <= ?2 ORDER BY due, seq LIMIT ?3)
                 RETURNING seq",
            )
            .attempting("purge a queue")?;
        let seqs = delete
            .query_map(params![queue, last as i64, PURGED_AT_ONCE as i64], |row| row.get::<_, i64>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .attempting("purge a queue")?;
        self.ledger.effects.extend(seqs.iter().map(|&seq| Effect::Ended { queue, seq: seq as u64 }));
        Ok(seqs.len())
    }

    fn take_off(&mut self, seq: u64, queue: i64) -> Result<bool, StoreError> {
        let deleted = self
            .conn
            .prepare_cached("DELETE FROM delivery WHERE seq = ?1 AND queue = ?2")
            .and_then(|mut s| s.execute([seq as i64, queue]))
            .attempting("take a delivery off its queue")?;
        self.ledger.effects.push(Effect::Ended { queue, seq });
        Ok(deleted > 0)
    }

    fn put_off(
        &mut self,
        seq: u64,
        queue: i64,
        not_before: Timestamp,
        failed: u32,
        note: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let due = not_before.as_millis();
        let updated = self
            .conn
            .prepare_cached(
                "UPDATE delivery SET due = ?3, failed = ?4, note = ?5 WHERE seq = ?1 AND queue = ?2",
            )
            .and_then(|mut s| s.execute(params![seq as i64, queue, due, failed, note]))
            .attempting("put off a delivery")?;
        let position = (due, seq);
        self.ledger.effects.extend([Effect::Ended { queue, seq }, Effect::Free { queue, position }]);
        Ok(updated > 0)
    }

    fn put_on(
        &mut self,
        seq: u64,
        queue: &QueueId,
        not_before: Timestamp,
        note: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let queue = self.queue_number(queue)?;
        let position = (not_before.as_millis(), seq);
        self.put_delivery(queue, position, note)?;
        self.ledger.effects.extend([Effect::Ended { queue, seq }, Effect::Free { queue, position }]);
        Ok(true)
    }

    fn store_attempt(&mut self, seq: u64, queue: i64, attempt: &AttemptRecord) -> Result<(), StoreError> {
        let stored = self.insert_attempt(seq, queue, attempt.number, attempt)?;
        match stored || self.has_attempt(seq, queue, attempt)? {
            true => Ok(()),
            false => {
                let number = self.attempt_number_max(seq, queue)? + 1;
                self.insert_attempt(seq, queue, number, attempt).map(drop)
            }
        }
    }

    /// Stores an attempt under a number unless there is one already; whether it did.
    fn insert_attempt(
        &self,
        seq: u64,
        queue: i64,
        number: u32,
        attempt: &AttemptRecord,
    ) -> Result<bool, StoreError> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
            .and_then(|mut s| {
                s.execute(params![
                    seq as i64,
                    queue,
                    number,
                    attempt.started_at.as_millis(),
                    attempt.elapsed_micros as i64,
                    attempt.succeeded,
                    attempt.answer,
                    attempt.invocation,
                    attempt.log,
                ])
            })
            .attempting("store an attempt")
            .map(|inserted| inserted > 0)
    }

    /// Whether what is stored under the number of an attempt is this very one.
    fn has_attempt(&self, seq: u64, queue: i64, attempt: &AttemptRecord) -> Result<bool, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT started_at = ?4 FROM attempt WHERE seq = ?1 AND queue = ?2 AND number = ?3",
            )
            .and_then(|mut s| {
                let began = attempt.started_at.as_millis();
                s.query_row(params![seq as i64, queue, attempt.number, began], |row| row.get(0))
            })
            .attempting("read an attempt")
    }

    fn attempt_number_max(&self, seq: u64, queue: i64) -> Result<u32, StoreError> {
        self.conn
            .prepare_cached("SELECT max(number) FROM attempt WHERE seq = ?1 AND queue = ?2")
            .and_then(|mut s| s.query_row([seq as i64, queue], |row| row.get(0)))
            .attempting("read the number of the last attempt")
    }
}
