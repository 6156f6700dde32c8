//! The trait [`Traces`] on `events.db`.

use std::ops::ControlFlow;
use std::sync::Arc;

use kulkul_model::Timestamp;
use kulkul_store::{
    AcceptedKey, AttemptRecord, FoundRecord, LogName, Order, PendingDelivery, QueueId, Record, Retention,
    Seq, StoreError, StoreFuture, TraceFilter, TracePage, TracedRecord, Traces,
};
use rusqlite::Connection;

use super::names::Names;
use super::rows::{self, RECORD_COLUMNS, record_columns};
use super::search::{Search, Walk};
use super::{Events, block};
use crate::failure::Attempting;

/// What looking for one page may cost, in microseconds or so.
const PAGE_COST_MAX: u64 = 10_000;
/// Bodies of one page; the record that goes beyond is the last.
const PAGE_BYTES_MAX: usize = 4 << 20;

impl Traces for Events {
    fn by_id(&self, log: &LogName, id: &str, max: usize) -> StoreFuture<'_, Vec<TracedRecord>> {
        let filter =
            TraceFilter { log: Some(log.clone()), id: Some(id.to_owned()), ..TraceFilter::default() };
        let shared = Arc::clone(&self.shared);
        Box::pin(self.readers.snapshot(move |conn| {
            let seqs = find(conn, &shared.names, &filter, None, max)?;
            seqs.into_iter()
                .map(|seq| trace(conn, seq))
                .collect::<rusqlite::Result<_>>()
                .attempting("read a trace")
        }))
    }

    fn by_place(&self, seq: Seq) -> StoreFuture<'_, Option<TracedRecord>> {
        Box::pin(self.readers.snapshot(move |conn| trace_at(conn, seq).attempting("read a trace")))
    }

    fn search(&self, filter: &TraceFilter, after: Option<Seq>, max: usize) -> StoreFuture<'_, Vec<Record>> {
        let (filter, shared) = (filter.clone(), Arc::clone(&self.shared));
        Box::pin(self.readers.snapshot(move |conn| {
            let seqs = find(conn, &shared.names, &filter, after, max)?;
            let read = |seq| read(conn, seq).map(|(record, _)| record);
            seqs.into_iter().map(read).collect::<rusqlite::Result<_>>().attempting("read a record")
        }))
    }

    fn page(
        &self,
        filter: &TraceFilter,
        order: Order,
        after: Option<Seq>,
        max: usize,
    ) -> StoreFuture<'_, TracePage> {
        let (filter, shared) = (filter.clone(), Arc::clone(&self.shared));
        let walk = Walk { order, after, cost_max: PAGE_COST_MAX };
        Box::pin(self.readers.snapshot(move |conn| page(conn, &shared.names, &filter, walk, max)))
    }

    fn accepted_since(
        &self,
        log: &LogName,
        from: Timestamp,
        max: usize,
        counts: fn(&[u8]) -> bool,
    ) -> StoreFuture<'_, Vec<AcceptedKey>> {
        let filter = TraceFilter { log: Some(log.clone()), from: Some(from), ..TraceFilter::default() };
        let shared = Arc::clone(&self.shared);
        Box::pin(self.readers.snapshot(move |conn| {
            let (mut keys, mut outcome) = (Vec::new(), Ok(()));
            let Some(search) = Search::new(conn, &shared.names, &filter)?.filter(|_| max > 0) else {
                return Ok(keys);
            };
            search.run(conn, Walk::ALL, |seq| {
                outcome = key(conn, seq, counts).map(|key| keys.extend(key));
                let goes_on = outcome.is_ok() && keys.len() < max;
                if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            outcome.attempting("read a key")?;
            Ok(keys)
        }))
    }

    fn count(&self, filter: &TraceFilter, max: u64) -> StoreFuture<'_, u64> {
        let (filter, shared) = (filter.clone(), Arc::clone(&self.shared));
        Box::pin(self.readers.snapshot(move |conn| {
            let mut count = 0;
            let Some(search) = Search::new(conn, &shared.names, &filter)?.filter(|_| max > 0) else {
                return Ok(0);
            };
            search.run(conn, Walk::ALL, |_| {
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
    after: Option<Seq>,
    max: usize,
) -> Result<Vec<u64>, StoreError> {
    let mut seqs = Vec::new();
    let Some(search) = Search::new(conn, names, filter)?.filter(|_| max > 0) else { return Ok(seqs) };
    search.run(conn, Walk { after, ..Walk::ALL }, |seq| {
        seqs.push(seq);
        if seqs.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(seqs)
}

fn page(
    conn: &Connection,
    names: &Names,
    filter: &TraceFilter,
    walk: Walk,
    max: usize,
) -> Result<TracePage, StoreError> {
    let mut seqs = Vec::new();
    let Some(search) = Search::new(conn, names, filter)?.filter(|_| max > 0) else {
        return Ok(TracePage::default());
    };
    let mut next = search.run(conn, walk, |seq| {
        seqs.push(seq);
        if seqs.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let (mut records, mut bytes) = (Vec::with_capacity(seqs.len()), 0);
    for &seq in &seqs {
        let found = found(conn, seq).attempting("read a record")?;
        bytes += found.record.body.len();
        records.push(found);
        if bytes >= PAGE_BYTES_MAX && records.len() < seqs.len() {
            next = Some(Seq(seq));
            break;
        }
    }
    Ok(TracePage { records, next })
}

fn found(conn: &Connection, seq: u64) -> rusqlite::Result<FoundRecord> {
    let (record, routes) = read(conn, seq)?;
    let queues = |query| {
        conn.prepare_cached(query)?.query_map([seq as i64], rows::queue)?.collect::<rusqlite::Result<_>>()
    };
    Ok(FoundRecord {
        record,
        routes: queue_names(conn, &routes)?,
        owed: queues(
            "SELECT q.name FROM delivery AS d JOIN queue AS q ON q.number = d.queue WHERE d.seq = ?1",
        )?,
        delivered: queues(
            "SELECT DISTINCT q.name FROM attempt AS a JOIN queue AS q ON q.number = a.queue
             WHERE a.seq = ?1 AND a.succeeded",
        )?,
    })
}

/// The key of a record; `None` when `counts` does not take its body.
fn key(conn: &Connection, seq: u64, counts: fn(&[u8]) -> bool) -> rusqlite::Result<Option<AcceptedKey>> {
    conn.prepare_cached("SELECT id, source, trace_id, accepted_at, body FROM record WHERE seq = ?1")?
        .query_row([seq as i64], |row| {
            if !counts(row.get_ref(4)?.as_blob()?) {
                return Ok(None);
            }
            Ok(Some(AcceptedKey {
                id: row.get(0)?,
                source: row.get(1)?,
                trace_id: rows::trace_id(row, 2)?,
                accepted_at: rows::time(row, 3)?,
            }))
        })
}

fn trace_at(conn: &Connection, seq: Seq) -> rusqlite::Result<Option<TracedRecord>> {
    let is_there = conn.prepare_cached("SELECT 1 FROM record WHERE seq = ?1")?.exists([seq.0 as i64])?;
    is_there.then(|| trace(conn, seq.0)).transpose()
}

fn trace(conn: &Connection, seq: u64) -> rusqlite::Result<TracedRecord> {
    let (record, routes) = read(conn, seq)?;
    let routes = queue_names(conn, &routes)?;
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

/// The names of the queues in the text of a record's routes.
fn queue_names(conn: &Connection, routes: &str) -> rusqlite::Result<Vec<QueueId>> {
    block::routes(routes).map(|queue| queue_name(conn, queue)).collect()
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
