//! Retention: forgetting old records, but none that is still owed.
//!
//! What has to go is looked for on a connection that reads; the writer then deletes it in small portions, so that
//! nobody waits long behind one, and looks again whether each is owed by now.

use std::sync::atomic::Ordering;

use kulkul_model::Timestamp;
use kulkul_store::{Retention, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::Events;
use super::transaction::EventsTx;
use crate::failure::Attempting;
use crate::writer::Weight;

/// How many records one job on the writer deletes: a millisecond or so.
const DELETED_AT_ONCE: usize = 256;

impl Events {
    pub(super) async fn trim_some(
        &self,
        keep: Retention,
        now: Timestamp,
        max: usize,
    ) -> Result<u64, StoreError> {
        let age = i64::try_from(keep.age_max.as_millis()).unwrap_or(i64::MAX);
        let before = now.as_millis().saturating_sub(age);
        let excess = self.shared.body_bytes.load(Ordering::Relaxed).saturating_sub(keep.bytes_max);
        let victims = self
            .readers
            .snapshot(move |conn| victims(conn, before, excess, max).attempting("look for records to trim"))
            .await?;
        let mut trimmed = 0;
        for some in victims.chunks(DELETED_AT_ONCE) {
            let some = some.to_vec();
            let weight = Weight::of(2 * some.len(), 0);
            trimmed += self.writer.run_bare(weight, move |tx| tx.delete_records(&some)).await?;
        }
        Ok(trimmed)
    }
}

/// The records to delete: those accepted before `before`, then the oldest until `excess` bytes are gone.
fn victims(conn: &Connection, before: i64, excess: u64, max: usize) -> rusqlite::Result<Vec<u64>> {
    let mut victims = too_old(conn, before, max)?;
    let freed: u64 = victims.iter().map(|&(_, bytes)| bytes).sum();
    if freed < excess && victims.len() < max {
        victims.extend(oldest(conn, before, excess - freed, max - victims.len())?);
    }
    Ok(victims.into_iter().map(|(seq, _)| seq).collect())
}

fn too_old(conn: &Connection, before: i64, max: usize) -> rusqlite::Result<Vec<(u64, u64)>> {
    let mut victims = Vec::new();
    let mut ranges = conn.prepare_cached("SELECT first_seq, last_seq FROM block WHERE accepted_min < ?1")?;
    let ranges = ranges.query_map([before], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tail = conn
        .prepare_cached("SELECT last_seq + 1 FROM block ORDER BY first_seq DESC LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    let mut select = conn.prepare_cached(
        "SELECT seq, length(body) FROM record
         WHERE seq BETWEEN ?1 AND ?2 AND accepted_at < ?3
           AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.seq = record.seq)
         ORDER BY seq LIMIT ?4",
    )?;
    for range in ranges.chain([Ok((tail.unwrap_or(0), i64::MAX))]) {
        let (first, last): (i64, i64) = range?;
        let left = max - victims.len();
        if left == 0 {
            break;
        }
        for victim in select.query_map(params![first, last, before, left as i64], seq_and_bytes)? {
            victims.push(victim?);
        }
    }
    Ok(victims)
}

/// The oldest records accepted at `from` or later, as many as have `excess` bytes.
fn oldest(conn: &Connection, from: i64, excess: u64, max: usize) -> rusqlite::Result<Vec<(u64, u64)>> {
    let mut select = conn.prepare_cached(
        "SELECT seq, length(body) FROM record
         WHERE accepted_at >= ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.seq = record.seq)
         ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = select.query_map(params![from, max as i64], seq_and_bytes)?;
    let (mut victims, mut freed) = (Vec::new(), 0);
    while freed < excess
        && let Some(victim) = rows.next().transpose()?
    {
        freed += victim.1;
        victims.push(victim);
    }
    Ok(victims)
}

fn seq_and_bytes(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u64, u64)> {
    Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
}

impl EventsTx<'_> {
    /// Deletes those of the records that are there and not owed; returns how many.
    pub(super) fn delete_records(&mut self, seqs: &[u64]) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for run in seqs.chunk_by(|seq, next| *seq + 1 == *next) {
            deleted += self.delete_run(run[0], run[run.len() - 1]).attempting("delete records")?;
        }
        if deleted > 0 {
            self.conn
                .prepare_cached("UPDATE trimmed SET last_seq = ?1")
                .and_then(|mut s| s.execute([(self.ledger.next_seq - 1) as i64]))
                .attempting("store the last place that was given out")?;
        }
        Ok(deleted)
    }

    /// Deletes the records from one place to another that are there and not owed; returns how many. One statement for
    /// all of them costs the writer a third of what one for each does.
    fn delete_run(&mut self, first: u64, last: u64) -> rusqlite::Result<u64> {
        let places = [first as i64, last as i64];
        let mut deleted = self
            .conn
            .prepare_cached(
                "DELETE FROM record WHERE seq BETWEEN ?1 AND ?2
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.seq = record.seq)
                 RETURNING seq, length(body)",
            )?
            .query_map(places, seq_and_bytes)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        if deleted.is_empty() {
            return Ok(0);
        }
        // What is still owed has kept its record, and keeps its attempts.
        self.conn
            .prepare_cached(
                "DELETE FROM attempt WHERE seq BETWEEN ?1 AND ?2
                   AND NOT EXISTS (SELECT 1 FROM record WHERE record.seq = attempt.seq)",
            )?
            .execute(places)?;
        let count = deleted.len() as u64;
        self.ledger.body_bytes -= deleted.iter().map(|&(_, bytes)| bytes).sum::<u64>();
        let tail = &mut self.ledger.tail;
        deleted.retain(|&(seq, bytes)| !tail.forget(seq, bytes));
        // SQLite promises no order.
        deleted.sort_unstable();
        self.shrink_blocks(&deleted)?;
        Ok(count)
    }

    /// Takes deleted records, ascending, off what their blocks say is left of them.
    fn shrink_blocks(&self, mut deleted: &[(u64, u64)]) -> rusqlite::Result<()> {
        while let Some(&(first, _)) = deleted.first() {
            let (block, last) = self
                .conn
                .prepare_cached(
                    "SELECT first_seq, last_seq FROM block WHERE first_seq <= ?1
                     ORDER BY first_seq DESC LIMIT 1",
                )?
                .query_row([first as i64], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64)))?;
            let in_block = deleted.partition_point(|&(seq, _)| seq <= last).max(1);
            let (some, others) = deleted.split_at(in_block);
            let bytes: u64 = some.iter().map(|&(_, bytes)| bytes).sum();
            self.shrink_block(block, some.len() as i64, bytes as i64)?;
            deleted = others;
        }
        Ok(())
    }

    fn shrink_block(&self, block: i64, records: i64, bytes: i64) -> rusqlite::Result<()> {
        let left: i64 = self
            .conn
            .prepare_cached(
                "UPDATE block SET records = records - ?2, body_bytes = body_bytes - ?3
                 WHERE first_seq = ?1 RETURNING records",
            )?
            .query_row([block, records, bytes], |row| row.get(0))?;
        if left == 0 {
            self.conn.prepare_cached("DELETE FROM block WHERE first_seq = ?1")?.execute([block])?;
            self.conn.prepare_cached("DELETE FROM block_filter WHERE first_seq = ?1")?.execute([block])?;
        }
        Ok(())
    }
}
