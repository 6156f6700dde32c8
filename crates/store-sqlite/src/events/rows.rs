//! Rows of `events.db` as the values that callers know.

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::{AttemptRecord, LogName, QueueId, Record, RecordKey, Seq};
use rusqlite::Row;

/// The columns that [`record`] reads, of `record AS r JOIN log AS l ON l.number = r.log`.
macro_rules! record_columns {
    () => {
        "r.seq, l.name, r.accepted_at, r.trace_id, r.id, r.source, r.type, r.subject, r.body"
    };
}
pub(super) use record_columns;

/// How many columns [`record`] reads.
pub(super) const RECORD_COLUMNS: usize = 9;

/// A record from the columns of [`record_columns`].
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let text = |index| row.get_ref(index)?.as_str().map(str::to_owned).map_err(rusqlite::Error::from);
    Ok(Record {
        seq: seq(row, 0)?,
        key: RecordKey {
            log: LogName(row.get_ref(1)?.as_str()?.into()),
            id: text(4)?,
            source: text(5)?,
            kind: text(6)?,
            subject: text(7)?,
        },
        trace_id: trace_id(row, 3)?,
        accepted_at: time(row, 2)?,
        body: Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?),
    })
}

/// An attempt from the columns of `attempt` after the first two.
pub(super) fn attempt(row: &Row<'_>, first: usize) -> rusqlite::Result<AttemptRecord> {
    Ok(AttemptRecord {
        number: row.get(first)?,
        started_at: time(row, first + 1)?,
        elapsed_micros: row.get::<_, i64>(first + 2)? as u64,
        succeeded: row.get(first + 3)?,
        answer: row.get(first + 4)?,
        invocation: row.get(first + 5)?,
        log: row.get(first + 6)?,
    })
}

pub(super) fn seq(row: &Row<'_>, index: usize) -> rusqlite::Result<Seq> {
    row.get::<_, i64>(index).map(|seq| Seq(seq as u64))
}

pub(super) fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_millis)
}

pub(super) fn trace_id(row: &Row<'_>, index: usize) -> rusqlite::Result<TraceId> {
    row.get(index).map(|bytes| TraceId::from_u128(u128::from_be_bytes(bytes)))
}

pub(super) fn note(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Bytes>> {
    Ok(row.get_ref(index)?.as_blob_or_null()?.map(Bytes::copy_from_slice))
}

pub(super) fn queue(row: &Row<'_>) -> rusqlite::Result<QueueId> {
    Ok(QueueId(row.get_ref(0)?.as_str()?.into()))
}
