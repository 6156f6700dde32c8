//! The trait [`Traces`] on `events.db`.

use std::ops::ControlFlow;
use std::sync::Arc;

use kulkul_model::Timestamp;
use kulkul_store::{
    AttemptRecord, LogName, PendingDelivery, QueueId, Record, Retention, StoreError, StoreFuture,
    TraceFilter, TracedRecord, Traces,
};
use rusqlite::Connection;

use super::names::Names;
use super::rows::{self, RECORD_COLUMNS, record_columns};
use super::search::Search;
use super::{Events, block};
use crate::failure::Attempting;

impl Traces for Events {
    fn by_id(&self, log: &LogName, id: &str, max: usize) -> StoreFuture<'_, Vec<TracedRecord>> {
        let filter =
            TraceFilter { log: Some(log.clone()), id: Some(id.to_owned()), ..TraceFilter::default() };
        let shared = Arc::clone(&self.shared);
        Box::pin(self.readers.snapshot(move |conn| {
            let seqs = find(conn, &shared.names, &filter, 0, max)?;
            seqs.into_iter()
                .map(|seq| trace(conn, seq))
                .collect::<rusqlite::Result<_>>()
                .attempting("read a trace")
        }))
    }

    fn search(&self, filter: &TraceFilter, offset: usize, max: usize) -> StoreFuture<'_, Vec<Record>> {
        let (filter, shared) = (filter.clone(), Arc::clone(&self.shared));
        Box::pin(self.readers.snapshot(move |conn| {
            let seqs = find(conn, &shared.names, &filter, offset, max)?;
            let read = |seq| read(conn, seq).map(|(record, _)| record);
            seqs.into_iter().map(read).collect::<rusqlite::Result<_>>().attempting("read a record")
        }))
    }

    fn count(&self, filter: &TraceFilter, max: u64) -> StoreFuture<'_, u64> {
        let (filter, shared) = (filter.clone(), Arc::clone(&self.shared));
        Box::pin(self.readers.snapshot(move |conn| {
            let mut count = 0;
            let Some(search) = Search::new(conn, &shared.names, &filter)?.filter(|_| max > 0) else {
                return Ok(0);
            };
            search.run(conn, |_| {
                count += 1;
                if count < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            Ok(count)
        }))
    }

    fn trim(&self, keep: Retention, now: Timestamp, max: usize) -> StoreFuture<'_, u64> {
        Box::pin(self.trim_some(keep, now, max))
    }
}

/// The places of the records that a filter finds, newest first.
fn find(
    conn: &Connection,
    names: &Names,
    filter: &TraceFilter,
    offset: usize,
    max: usize,
) -> Result<Vec<u64>, StoreError> {
    let mut seqs = Vec::new();
    let Some(search) = Search::new(conn, names, filter)?.filter(|_| max > 0) else { return Ok(seqs) };
    let mut to_skip = offset;
    search.run(conn, |seq| {
        if to_skip > 0 {
            to_skip -= 1;
        } else {
            seqs.push(seq);
        }
        if seqs.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(seqs)
}

fn trace(conn: &Connection, seq: u64) -> rusqlite::Result<TracedRecord> {
    let (record, routes) = read(conn, seq)?;
    let routes = block::routes(&routes).map(|queue| queue_name(conn, queue)).collect::<Result<_, _>>()?;
    Ok(TracedRecord { record, routes, attempts: attempts(conn, seq)?, pending: pending(conn, seq)? })
}

/// A record, and the text of its routes.
fn read(conn: &Connection, seq: u64) -> rusqlite::Result<(Record, String)> {
    conn.prepare_cached(concat!(
        "SELECT ",
        record_columns!(),
        ", r.routes FROM record AS r JOIN log AS l ON l.number = r.log WHERE r.seq = ?1"
    ))?
    .query_row([seq as i64], |row| Ok((rows::record(row)?, row.get(RECORD_COLUMNS)?)))
}

fn queue_name(conn: &Connection, number: i64) -> rusqlite::Result<QueueId> {
    conn.prepare_cached("SELECT name FROM queue WHERE number = ?1")?.query_row([number], rows::queue)
}

fn attempts(conn: &Connection, seq: u64) -> rusqlite::Result<Vec<(QueueId, AttemptRecord)>> {
    conn.prepare_cached(
        "SELECT q.name, a.number, a.started_at, a.elapsed_micros, a.succeeded, a.answer, a.invocation, a.log
         FROM attempt AS a JOIN queue AS q ON q.number = a.queue WHERE a.seq = ?1 ORDER BY q.name, a.number",
    )?
    .query_map([seq as i64], |row| Ok((rows::queue(row)?, rows::attempt(row, 1)?)))?
    .collect()
}

fn pending(conn: &Connection, seq: u64) -> rusqlite::Result<Vec<PendingDelivery>> {
    conn.prepare_cached(
        "SELECT q.name, d.due, d.failed, d.note
         FROM delivery AS d JOIN queue AS q ON q.number = d.queue WHERE d.seq = ?1 ORDER BY q.name",
    )?
    .query_map([seq as i64], |row| {
        Ok(PendingDelivery {
            queue: rows::queue(row)?,
            not_before: rows::time(row, 1)?,
            failed: row.get(2)?,
            note: rows::note(row, 3)?,
        })
    })?
    .collect()
}
