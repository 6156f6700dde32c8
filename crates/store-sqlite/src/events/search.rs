//! Finding records by their attributes, newest first.
//!
//! Walks the blocks backwards and reads only those that may hold what is looked for, see [`super::block`]. What is
//! rare or recent is found quickly. What is neither costs a look at the filters of all blocks: about 5 KiB for each
//! thousand records.

use std::ops::ControlFlow;

use kulkul_store::{StoreError, TraceFilter};
use rusqlite::{Connection, OptionalExtension, params};

use super::block;
use super::filter::{self, Term};
use super::names::{Names, Table};
use crate::failure::Attempting;

/// A prefix of queue names that stands for more queues than this is not looked for in the filters of blocks.
const QUEUES_FILTERED_MAX: usize = 256;

/// A filter with numbers in the place of names.
pub(super) struct Search<'a> {
    filter: &'a TraceFilter,
    log: Option<i64>,
    /// The queues of which one must be among the routes, ascending.
    queues: Option<Vec<i64>>,
    /// What a block must hold all of.
    all: Vec<Term>,
}

impl<'a> Search<'a> {
    /// Prepares a search. `None` when there can be no such record.
    pub(super) fn new(
        conn: &Connection,
        names: &Names,
        filter: &'a TraceFilter,
    ) -> Result<Option<Self>, StoreError> {
        let log = match &filter.log {
            None => None,
            Some(log) => match names.find(conn, Table::Log, &log.0)? {
                None => return Ok(None),
                found => found,
            },
        };
        let queues = filter.queue_prefix.as_deref().map(|prefix| queues(conn, prefix)).transpose()?;
        if queues.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let all = [
            log.map(Term::log),
            filter.id.as_deref().map(Term::id),
            filter.source.as_deref().map(Term::source),
            filter.kind.as_deref().map(Term::kind),
            filter.subject.as_deref().map(Term::subject),
        ];
        Ok(Some(Self { filter, log, queues, all: all.into_iter().flatten().collect() }))
    }

    /// Calls `found` with the place of each record found, newest first, until it breaks off.
    pub(super) fn run(
        &self,
        conn: &Connection,
        mut found: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.walk(conn, &mut found).attempting("search the event log").map(drop)
    }

    fn walk(
        &self,
        conn: &Connection,
        found: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        let mut newest = i64::MAX;
        let mut select = conn.prepare_cached(
            "SELECT first_seq, last_seq, accepted_min, accepted_max FROM block ORDER BY first_seq DESC",
        )?;
        let mut blocks = select.query([])?;
        let mut is_tail = true;
        while let Some(row) = blocks.next()? {
            let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
            // What is in no block is newer than all blocks.
            if std::mem::take(&mut is_tail) && self.scan(conn, last + 1, newest, found)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            newest = first - 1;
            let may_hold = self.is_in_time(row.get(2)?, row.get(3)?) && self.passes(conn, first)?;
            if may_hold && self.scan(conn, first, last, found)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if is_tail { self.scan(conn, 0, newest, found) } else { Ok(ControlFlow::Continue(())) }
    }

    fn is_in_time(&self, accepted_min: i64, accepted_max: i64) -> bool {
        self.filter.from.is_none_or(|from| accepted_max >= from.as_millis())
            && self.filter.to.is_none_or(|to| accepted_min <= to.as_millis())
    }

    fn passes(&self, conn: &Connection, block: i64) -> rusqlite::Result<bool> {
        let mut select = conn.prepare_cached("SELECT filter FROM block_filter WHERE first_seq = ?1")?;
        let passes = select.query_row([block], |row| {
            let terms = row.get_ref(0)?.as_blob()?;
            let all = self.all.iter().all(|&term| filter::may_hold(terms, term));
            Ok(all
                && self.queues.as_ref().is_none_or(|queues| {
                    queues.len() > QUEUES_FILTERED_MAX
                        || queues.iter().any(|&queue| filter::may_hold(terms, Term::queue(queue)))
                }))
        });
        passes.optional().map(|passes| passes.unwrap_or(true))
    }

    fn scan(
        &self,
        conn: &Connection,
        first: i64,
        last: i64,
        found: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        let filter = self.filter;
        let mut select = conn.prepare_cached(SCAN)?;
        let mut rows = select.query(params![
            first,
            last,
            self.log,
            filter.id,
            filter.source,
            filter.kind,
            filter.subject,
            filter.from.map(|time| time.as_millis()),
            filter.to.map(|time| time.as_millis()),
        ])?;
        while let Some(row) = rows.next()? {
            let is_routed = match &self.queues {
                None => true,
                Some(queues) => {
                    block::routes(row.get_ref(1)?.as_str()?).any(|queue| queues.binary_search(&queue).is_ok())
                }
            };
            if is_routed && found(row.get::<_, i64>(0)? as u64).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

const SCAN: &str = "
    SELECT seq, routes FROM record
    WHERE seq BETWEEN ?1 AND ?2
      AND (?3 IS NULL OR log = ?3)
      AND (?4 IS NULL OR id = ?4)
      AND (?5 IS NULL OR source = ?5)
      AND (?6 IS NULL OR type = ?6)
      AND (?7 IS NULL OR subject = ?7)
      AND (?8 IS NULL OR accepted_at >= ?8)
      AND (?9 IS NULL OR accepted_at <= ?9)
    ORDER BY seq DESC";

fn queues(conn: &Connection, prefix: &str) -> Result<Vec<i64>, StoreError> {
    let collect = |mut select: rusqlite::CachedStatement<'_>| {
        let mut numbers = Vec::new();
        let mut rows = select.query([prefix])?;
        while let Some(row) = rows.next()?
            && row.get_ref(0)?.as_str()?.starts_with(prefix)
        {
            numbers.push(row.get(1)?);
        }
        numbers.sort_unstable();
        Ok(numbers)
    };
    conn.prepare_cached("SELECT name, number FROM queue WHERE name >= ?1 ORDER BY name")
        .and_then(collect)
        .attempting("look up queues")
}
