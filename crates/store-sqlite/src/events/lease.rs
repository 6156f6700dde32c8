//! Looking for what is due, on a connection that reads.

use std::sync::Arc;

use kulkul_model::Timestamp;
use kulkul_store::{Delivery, QueueId, QueueStats, StoreError, Taken, Takings};
use rusqlite::{Connection, params};

use super::leases::{self, Leases, Position, QueueLeases};
use super::rows::{self, RECORD_COLUMNS, record_columns};
use crate::failure::Attempting;

/// A span of time in which a delivery is leased.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
}

/// Leases what has been due longest. `conn` is in no transaction.
pub(super) fn lease(
    conn: &Connection,
    leases: &Leases,
    (queue, name): (i64, &QueueId),
    span: Span,
    max: usize,
) -> Result<Takings, StoreError> {
    let conn = &*conn.unchecked_transaction().attempting("begin to read")?;
    let leases = leases.queue(queue);
    // The snapshot begins with the first query, and that must happen under the lock.
    let (positions, next) = take(conn, &mut leases::lock(&leases), queue, span, max)?;
    let read = |&(due, seq): &Position| {
        let delivery = read_delivery(conn, queue, name, seq)?;
        Ok(Taken { delivery, due: Timestamp::from_millis(due) })
    };
    let taken = positions.iter().map(read).collect::<rusqlite::Result<Vec<_>>>();
    if taken.is_err() {
        let mut leases = leases::lock(&leases);
        positions.iter().for_each(|&(_, seq)| leases.give_back(seq));
    }
    let next_due = next.map(|(due, _)| Timestamp::from_millis(due));
    Ok(Takings { taken: taken.attempting("read leased deliveries")?, next_due })
}

/// Counts the deliveries of a queue. `conn` is in no transaction.
pub(super) fn stats(
    conn: &Connection,
    leases: &Leases,
    queue: i64,
    now: Timestamp,
) -> Result<QueueStats, StoreError> {
    let conn = &*conn.unchecked_transaction().attempting("begin to read")?;
    let leases = leases.queue(queue);
    let (free, leased_and_due) = {
        let leases = leases::lock(&leases);
        let free = scan(conn, &leases, queue, |(_, seq)| leases.is_leased(seq, now));
        let free = free.attempting("look for the next delivery")?.map(|(due, _)| due);
        (free.into_iter().chain(leases.earliest_expired(now)).min(), leases.leased_and_due(now))
    };
    let (pending, due): (i64, i64) = conn
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE due <= ?2)
             FROM delivery INDEXED BY delivery_due WHERE queue = ?1",
        )
        .and_then(|mut s| s.query_row([queue, now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?))))
        .attempting("count the deliveries of a queue")?;
    Ok(QueueStats {
        pending: pending as u64,
        due: (due as u64).saturating_sub(leased_and_due),
        next_due: free.map(Timestamp::from_millis),
    })
}

/// The deliveries of a queue in order of record.
pub(super) fn browse(
    conn: &Connection,
    (queue, name): (i64, &QueueId),
    after: u64,
    max: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let seqs = conn
        .prepare_cached(
            "SELECT seq FROM delivery INDEXED BY delivery_due
             WHERE queue = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )
        .and_then(|mut s| {
            let max = i64::try_from(max).unwrap_or(i64::MAX);
            s.query_map(params![queue, after as i64, max], |row| row.get::<_, i64>(0))?
                .collect::<Result<Vec<_>, _>>()
        })
        .attempting("browse a queue")?;
    seqs.into_iter()
        .map(|seq| read_delivery(conn, queue, name, seq as u64))
        .collect::<rusqlite::Result<_>>()
        .attempting("browse a queue")
}

/// Leases what is due, and tells the first position behind it.
fn take(
    conn: &Connection,
    leases: &mut QueueLeases,
    queue: i64,
    Span { now, until }: Span,
    max: usize,
) -> Result<(Vec<Position>, Option<Position>), StoreError> {
    leases.expire(now);
    let mut free = Vec::new();
    let mut passed = None;
    let next = scan(conn, leases, queue, |(due, seq)| {
        let stop = due > now.as_millis() || free.len() >= max;
        if !stop {
            passed = Some((due, seq));
            if !leases.is_leased(seq, now) {
                free.push((due, seq));
            }
        }
        !stop
    })
    .attempting("look for due deliveries")?;
    free.iter().for_each(|&position| leases.begin(position, until));
    if let Some(position) = passed {
        leases.advance(position);
    }
    Ok((free, next))
}

/// Walks the deliveries of a queue from the frontier on while `pass` says so; returns the first that it does not pass.
fn scan(
    conn: &Connection,
    leases: &QueueLeases,
    queue: i64,
    mut pass: impl FnMut(Position) -> bool,
) -> rusqlite::Result<Option<Position>> {
    let (due, seq) = leases.frontier();
    let mut select = conn.prepare_cached(
        "SELECT due, seq FROM delivery INDEXED BY delivery_due
         WHERE queue = ?1 AND (due, seq) >= (?2, ?3) ORDER BY due, seq",
    )?;
    let mut rows = select.query([queue, due, seq as i64])?;
    while let Some(row) = rows.next()? {
        let position = (row.get(0)?, row.get::<_, i64>(1)? as u64);
        if !pass(position) {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

pub(super) fn read_delivery(
    conn: &Connection,
    queue: i64,
    name: &QueueId,
    seq: u64,
) -> rusqlite::Result<Delivery> {
    conn.prepare_cached(concat!(
        "SELECT ",
        record_columns!(),
        ", d.failed, d.note FROM delivery AS d JOIN record AS r ON r.seq = d.seq JOIN log AS l ON l.number = r.log
           WHERE d.seq = ?1 AND d.queue = ?2"
    ))?
    .query_row([seq as i64, queue], |row| {
        Ok(Delivery {
            queue: name.clone(),
            record: Arc::new(rows::record(row)?),
            failed: row.get(RECORD_COLUMNS)?,
            note: rows::note(row, RECORD_COLUMNS + 1)?,
        })
    })
}
