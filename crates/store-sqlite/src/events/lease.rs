//! Looking for what is due, on a connection that reads.

use std::sync::Arc;

use kulkul_model::Timestamp;
use kulkul_store::{Delivery, QueueId, QueueStats, Seq, StoreError, Taken, Takings};
use rusqlite::{Connection, OptionalExtension, params};

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
    let (next_due, leased_and_due) = {
        let leases = leases::lock(&leases);
        (next_free(conn, &leases, queue, now)?, leases.leased_and_due(now))
    };
    let (pending, due, first_seq): (i64, i64, Option<i64>) = conn
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE due <= ?2), min(seq)
             FROM delivery INDEXED BY delivery_due WHERE queue = ?1",
        )
        .and_then(|mut s| {
            s.query_row([queue, now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })
        .attempting("count the deliveries of a queue")?;
    Ok(QueueStats {
        pending: pending as u64,
        due: (due as u64).saturating_sub(leased_and_due),
        next_due,
        oldest: first_seq.map(|seq| accepted_at(conn, seq)).transpose()?,
    })
}

/// When the next delivery is due that nobody has leased. `conn` is in no transaction.
pub(super) fn next_due(
    conn: &Connection,
    leases: &Leases,
    queue: i64,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let conn = &*conn.unchecked_transaction().attempting("begin to read")?;
    let leases = leases.queue(queue);
    let leases = leases::lock(&leases);
    next_free(conn, &leases, queue, now)
}

fn next_free(
    conn: &Connection,
    leases: &QueueLeases,
    queue: i64,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let free = scan(conn, leases, queue, |(_, seq)| leases.is_leased(seq, now));
    let free = free.attempting("look for the next delivery")?.map(|(due, _)| due);
    Ok(free.into_iter().chain(leases.earliest_expired(now)).min().map(Timestamp::from_millis))
}

fn accepted_at(conn: &Connection, seq: i64) -> Result<Timestamp, StoreError> {
    conn.prepare_cached("SELECT accepted_at FROM record WHERE seq = ?1")
        .and_then(|mut s| s.query_row([seq], |row| rows::time(row, 0)))
        .attempting("read when a record was accepted")
}

/// One delivery of a queue.
pub(super) fn find(
    conn: &Connection,
    (queue, name): (i64, &QueueId),
    seq: Seq,
) -> Result<Option<Delivery>, StoreError> {
    read_delivery(conn, queue, name, seq.0).optional().attempting("read a delivery")
}

/// The deliveries of a queue in order of their positions, from the first after `after`.
pub(super) fn browse(
    conn: &Connection,
    (queue, name): (i64, &QueueId),
    after: Position,
    max: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let seqs = conn
        .prepare_cached(
            "SELECT seq FROM delivery INDEXED BY delivery_due
             WHERE queue = ?1 AND (due, seq) > (?2, ?3) ORDER BY due, seq LIMIT ?4",
        )
        .and_then(|mut s| {
            let max = i64::try_from(max).unwrap_or(i64::MAX);
            s.query_map(params![queue, after.0, after.1 as i64, max], |row| row.get::<_, i64>(0))?
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
        ", d.due, d.failed, d.note FROM delivery AS d JOIN record AS r ON r.seq = d.seq JOIN log AS l ON l.number = r.log
           WHERE d.seq = ?1 AND d.queue = ?2"
    ))?
    .query_row([seq as i64, queue], |row| {
        Ok(Delivery {
            queue: name.clone(),
            record: Arc::new(rows::record(row)?),
            not_before: rows::time(row, RECORD_COLUMNS)?,
            failed: row.get(RECORD_COLUMNS + 1)?,
            note: rows::note(row, RECORD_COLUMNS + 2)?,
        })
    })
}
