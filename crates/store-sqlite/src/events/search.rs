//! Finding records by their attributes, in either order.
//!
//! Walks the blocks and reads only those that may hold what is looked for, see [`super::block`]. What is rare or
//! recent is found quickly. What is neither costs a look at the filters of all blocks: about 5 KiB for each thousand
//! records. What is owed and rare is looked up by its deliveries instead, see [`super::standing`].

use std::ops::ControlFlow;

use kulkul_store::{Order, Seq, StoreError, TraceFilter};
use rusqlite::{Connection, OptionalExtension, params};

use super::block;
use super::filter::{self, Term};
use super::names::{Names, Table};
use super::standing::Stands;
use crate::failure::Attempting;

/// A prefix of queue names that stands for more queues than this is not looked for in the filters of blocks.
const QUEUES_FILTERED_MAX: usize = 256;

/// What a look at the times of a block costs, in microseconds or so.
const COST_OF_TIMES: u64 = 1;
/// What a look at the filter of a block costs.
const COST_OF_FILTER: u64 = 8;
/// What reading the records that are in no block yet costs.
const COST_OF_TAIL: u64 = 500;

/// The statement without its order.
macro_rules! scan {
    () => {
        "SELECT seq, routes FROM record
         WHERE seq BETWEEN ?1 AND ?2
           AND (?3 IS NULL OR log = ?3)
           AND (?4 IS NULL OR id = ?4)
           AND (?5 IS NULL OR source = ?5)
           AND (?6 IS NULL OR type = ?6)
           AND (?7 IS NULL OR subject = ?7)
           AND (?8 IS NULL OR accepted_at >= ?8)
           AND (?9 IS NULL OR accepted_at <= ?9)
           AND (NOT ?10 OR routes <> '')"
    };
}

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) order: Order,
    /// Only what comes after this place, in that order.
    pub(super) after: Option<Seq>,
    /// When to stop, in microseconds or so.
    pub(super) cost_max: u64,
}

impl Walk {
    /// Through everything, newest first.
    pub(super) const ALL: Self = Self { order: Order::NewestFirst, after: None, cost_max: u64::MAX };
}

/// Where a walk stopped, to go on after that place; `Continue` when it came to the end.
type Stopped = ControlFlow<u64>;

/// A filter with numbers in the place of names.
pub(super) struct Search<'a> {
    filter: &'a TraceFilter,
    log: Option<i64>,
    /// The queues of which one must be among the routes, ascending.
    queues: Option<Vec<i64>>,
    stands: Option<Stands>,
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
        let stands = match &filter.standing {
            None => None,
            Some(standing) => match Stands::new(conn, standing)? {
                None => return Ok(None),
                stands => stands,
            },
        };
        let all = [
            log.map(Term::log),
            filter.id.as_deref().map(Term::id),
            filter.source.as_deref().map(Term::source),
            filter.kind.as_deref().map(Term::kind),
            filter.subject.as_deref().map(Term::subject),
        ];
        Ok(Some(Self { filter, log, queues, stands, all: all.into_iter().flatten().collect() }))
    }

    /// Calls `found` with the place of each record found until it breaks off, or the walk has cost enough. Returns
    /// where to go on, `None` when there is nothing more.
    pub(super) fn run(
        &self,
        conn: &Connection,
        walk: Walk,
        found: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Option<Seq>, StoreError> {
        let mut run = Run { search: self, conn, walk, left: walk.cost_max, found };
        let stopped = match self.stands.as_ref().and_then(Stands::candidates) {
            Some(candidates) => run.candidates(candidates),
            None => match walk.order {
                Order::NewestFirst => run.newest_first(),
                Order::OldestFirst => run.oldest_first(),
            },
        };
        Ok(stopped.attempting("search the event log")?.break_value().map(Seq))
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
}

/// A search under way.
struct Run<'r, F> {
    search: &'r Search<'r>,
    conn: &'r Connection,
    walk: Walk,
    /// What may still be spent.
    left: u64,
    found: F,
}

impl<F: FnMut(u64) -> ControlFlow<()>> Run<'_, F> {
    fn newest_first(&mut self) -> rusqlite::Result<Stopped> {
        let upper = self.walk.after.map_or(i64::MAX, |after| to_i64(after.0) - 1);
        // What is in no block is newer than all blocks.
        let tail = self.tail()?;
        if tail <= upper {
            self.spend(COST_OF_TAIL);
            if let stopped @ ControlFlow::Break(_) = self.scan(tail, upper)? {
                return Ok(stopped);
            }
        }
        let mut select = self.conn.prepare_cached(
            "SELECT first_seq, last_seq, accepted_min, accepted_max FROM block
             WHERE first_seq <= ?1 ORDER BY first_seq DESC",
        )?;
        let mut blocks = select.query([upper])?;
        while let Some(row) = blocks.next()? {
            let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
            let stopped = self.block((first, first, last.min(upper)), (row.get(2)?, row.get(3)?), first)?;
            if stopped.is_break() {
                return Ok(stopped);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn oldest_first(&mut self) -> rusqlite::Result<Stopped> {
        let lower = self.walk.after.map_or(0, |after| to_i64(after.0).saturating_add(1));
        let mut select = self.conn.prepare_cached(
            "SELECT first_seq, last_seq, accepted_min, accepted_max FROM block
             WHERE first_seq >= coalesce((SELECT max(first_seq) FROM block WHERE first_seq <= ?1), 0)
             ORDER BY first_seq",
        )?;
        let mut blocks = select.query([lower])?;
        while let Some(row) = blocks.next()? {
            let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
            if last < lower {
                continue;
            }
            let stopped = self.block((first, first.max(lower), last), (row.get(2)?, row.get(3)?), last)?;
            if stopped.is_break() {
                return Ok(stopped);
            }
        }
        self.scan(self.tail()?.max(lower), i64::MAX)
    }

    /// Reads part of a block when it may hold what is looked for. `end` is its last place in the order of the walk.
    fn block(
        &mut self,
        (block, first, last): (i64, i64, i64),
        (accepted_min, accepted_max): (i64, i64),
        end: i64,
    ) -> rusqlite::Result<Stopped> {
        let mut may_hold = self.search.is_in_time(accepted_min, accepted_max);
        self.spend(COST_OF_TIMES);
        if may_hold {
            may_hold = self.search.passes(self.conn, block)?;
            self.spend(COST_OF_FILTER);
        }
        if may_hold {
            // About a microsecond each.
            self.spend((last - first + 1).max(0) as u64);
            if let stopped @ ControlFlow::Break(_) = self.scan(first, last)? {
                return Ok(stopped);
            }
        }
        Ok(if self.left == 0 { ControlFlow::Break(end as u64) } else { ControlFlow::Continue(()) })
    }

    /// Looks at records that are known to be owed, ascending.
    fn candidates(&mut self, seqs: &[i64]) -> rusqlite::Result<Stopped> {
        let after = self.walk.after.map(|after| to_i64(after.0));
        match self.walk.order {
            Order::NewestFirst => {
                let seqs = seqs.iter().rev().filter(|&&seq| after.is_none_or(|after| seq < after));
                self.each(seqs)
            }
            Order::OldestFirst => {
                let seqs = seqs.iter().filter(|&&seq| after.is_none_or(|after| seq > after));
                self.each(seqs)
            }
        }
    }

    fn each<'s>(&mut self, seqs: impl Iterator<Item = &'s i64>) -> rusqlite::Result<Stopped> {
        for &seq in seqs {
            if let stopped @ ControlFlow::Break(_) = self.scan(seq, seq)? {
                return Ok(stopped);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn scan(&mut self, first: i64, last: i64) -> rusqlite::Result<Stopped> {
        let search = self.search;
        let filter = search.filter;
        let mut select = self.conn.prepare_cached(match self.walk.order {
            Order::NewestFirst => concat!(scan!(), " ORDER BY seq DESC"),
            Order::OldestFirst => concat!(scan!(), " ORDER BY seq"),
        })?;
        let mut rows = select.query(params![
            first,
            last,
            search.log,
            filter.id,
            filter.source,
            filter.kind,
            filter.subject,
            filter.from.map(|time| time.as_millis()),
            filter.to.map(|time| time.as_millis()),
            search.stands.as_ref().is_some_and(Stands::needs_routes),
        ])?;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            let routes = row.get_ref(1)?.as_str()?;
            let mut is_found = search
                .queues
                .as_ref()
                .is_none_or(|queues| block::routes(routes).any(|queue| queues.binary_search(&queue).is_ok()));
            if let Some(stands) = search.stands.as_ref().filter(|_| is_found) {
                is_found = stands.holds(self.conn, seq, routes)?;
                self.left = self.left.saturating_sub(stands.cost());
            }
            let is_enough = is_found && (self.found)(seq as u64).is_break();
            if is_enough || (self.left == 0 && search.stands.is_some()) {
                return Ok(ControlFlow::Break(seq as u64));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The first place that is in no block.
    fn tail(&self) -> rusqlite::Result<i64> {
        let mut select =
            self.conn.prepare_cached("SELECT last_seq + 1 FROM block ORDER BY first_seq DESC LIMIT 1")?;
        select.query_row([], |row| row.get(0)).optional().map(Option::unwrap_or_default)
    }

    fn spend(&mut self, cost: u64) {
        self.left = self.left.saturating_sub(cost);
    }
}

fn to_i64(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// The numbers of the queues whose names start with `prefix`, ascending.
pub(super) fn queues(conn: &Connection, prefix: &str) -> Result<Vec<i64>, StoreError> {
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
