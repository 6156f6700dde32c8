//! Blocks: runs of about a thousand records, each with a filter of what they can be found by.
//!
//! Whoever looks for records skips the blocks whose filter or time says no. Writing a block costs a few bytes for
//! each record, where an index would cost a page for each. The last records are in no block yet; the writer keeps
//! what their block will say in memory, and works it out again when the file is opened.

use kulkul_store::StoreError;
use rusqlite::{Connection, Row, params};

use super::filter::{self, Term};
use crate::failure::Attempting;

/// A block is closed when it has so many records ...
const RECORDS_MAX: u64 = 1024;
/// ... or so many terms (a record that is routed to many queues has many) ...
const TERMS_MAX: usize = 32 * 1024;
/// ... or bodies of so many bytes.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a block says of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) accepted_at: i64,
    pub(super) body_bytes: u64,
}

/// The block to come: the records after the last block.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    numbers: Numbers,
    terms: Vec<Term>,
}

/// A state of the tail to go back to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    first_seq: u64,
    last_seq: u64,
    appended: u64,
    records: u64,
    body_bytes: u64,
    accepted_min: i64,
    accepted_max: i64,
    terms: usize,
}

impl Tail {
    /// Adds a record; its terms follow by [`Tail::term`].
    pub(super) fn push(&mut self, entry: Entry) {
        let n = &mut self.numbers;
        if n.appended == 0 {
            (n.first_seq, n.accepted_min, n.accepted_max) = (entry.seq, entry.accepted_at, entry.accepted_at);
        }
        n.last_seq = entry.seq;
        n.appended += 1;
        n.records += 1;
        n.body_bytes += entry.body_bytes;
        n.accepted_min = n.accepted_min.min(entry.accepted_at);
        n.accepted_max = n.accepted_max.max(entry.accepted_at);
    }

    /// Adds what the last record can be found by.
    pub(super) fn term(&mut self, term: Term) {
        self.terms.push(term);
    }

    /// A record was deleted. Returns whether it was in the tail.
    pub(super) fn forget(&mut self, seq: u64, body_bytes: u64) -> bool {
        let n = &mut self.numbers;
        let is_here = n.appended > 0 && seq >= n.first_seq;
        if is_here {
            n.records -= 1;
            n.body_bytes -= body_bytes;
        }
        is_here
    }

    pub(super) fn mark(&self) -> Numbers {
        Numbers { terms: self.terms.len(), ..self.numbers }
    }

    /// Goes back to a state before which the block was not [written](Tail::write_if_full).
    pub(super) fn rewind(&mut self, mark: Numbers) {
        self.terms.truncate(mark.terms);
        self.numbers = mark;
    }

    /// Writes the block when it is full, and begins the next. Returns the tail as it was, if so.
    pub(super) fn write_if_full(&mut self, conn: &Connection) -> Result<Option<Tail>, StoreError> {
        let n = self.numbers;
        let is_full =
            n.appended >= RECORDS_MAX || self.terms.len() >= TERMS_MAX || n.body_bytes >= BODY_BYTES_MAX;
        if !is_full {
            return Ok(None);
        }
        // All of its records may have been trimmed already.
        if n.records > 0 {
            self.write(conn).attempting("store a block of the event log")?;
        }
        Ok(Some(std::mem::take(self)))
    }

    fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        let n = self.numbers;
        conn.prepare_cached("INSERT INTO block VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
            n.first_seq as i64,
            n.last_seq as i64,
            n.records as i64,
            n.body_bytes as i64,
            n.accepted_min,
            n.accepted_max,
        ])?;
        let filter = filter::build(self.terms.clone());
        conn.prepare_cached("INSERT INTO block_filter VALUES (?1, ?2)")?
            .execute(params![n.first_seq as i64, filter])
            .map(drop)
    }
}

impl Tail {
    /// Works out the tail of a file: all records after its last block.
    pub(super) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut tail = Self::default();
        let mut records = conn.prepare(SELECT_TAIL).attempting("read the end of the event log")?;
        let mut rows = records.query([]).attempting("read the end of the event log")?;
        while let Some(row) = rows.next().attempting("read the end of the event log")? {
            tail.push_row(row).attempting("read the end of the event log")?;
        }
        Ok(tail)
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.numbers.body_bytes
    }

    fn push_row(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.push(Entry {
            seq: row.get::<_, i64>(0)? as u64,
            accepted_at: row.get(1)?,
            body_bytes: row.get::<_, i64>(2)? as u64,
        });
        self.term(Term::log(row.get(3)?));
        self.term(Term::id(row.get_ref(4)?.as_str()?));
        self.term(Term::source(row.get_ref(5)?.as_str()?));
        self.term(Term::kind(row.get_ref(6)?.as_str()?));
        self.term(Term::subject(row.get_ref(7)?.as_str()?));
        for queue in routes(row.get_ref(8)?.as_str()?) {
            self.term(Term::queue(queue));
        }
        Ok(())
    }
}

const SELECT_TAIL: &str = "
    SELECT seq, accepted_at, length(body), log, id, source, type, subject, routes
    FROM record
    WHERE seq > coalesce((SELECT last_seq FROM block ORDER BY first_seq DESC LIMIT 1), 0) ORDER BY seq";

/// The numbers of the queues in a text such as `,3,17,`.
pub(super) fn routes(text: &str) -> impl Iterator<Item = i64> {
    text.split(',').filter_map(|number| number.parse().ok())
}

/// The last place that was given out; 0 when there was none.
pub(super) fn last_seq(conn: &Connection) -> Result<u64, StoreError> {
    conn.query_row(
        "SELECT max((SELECT last_seq FROM trimmed), (SELECT coalesce(max(seq), 0) FROM record))",
        [],
        |row| row.get::<_, i64>(0),
    )
    .map(|seq| seq as u64)
    .attempting("read the end of the event log")
}

/// The bytes of all bodies in blocks.
pub(super) fn body_bytes(conn: &Connection) -> Result<u64, StoreError> {
    conn.query_row("SELECT coalesce(sum(body_bytes), 0) FROM block", [], |row| row.get::<_, i64>(0))
        .map(|bytes| bytes as u64)
        .attempting("read the size of the event log")
}
