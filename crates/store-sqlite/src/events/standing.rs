//! Where records stand with those that they were routed to.

use std::cell::RefCell;
use std::collections::HashMap;

use kulkul_store::{Counted, Standing, StoreError};
use rusqlite::Connection;

use super::block;
use super::search::queues;
use crate::failure::Attempting;

/// Owed records are looked up by their deliveries when there are at most so many, on at most [`QUEUES_MAX`] queues.
/// More are found by walking over all records: there is one to be found in every few blocks then.
const CANDIDATES_MAX: usize = 4096;
const QUEUES_MAX: usize = 256;

/// A [`Standing`] that records can be held against.
pub(super) enum Stands {
    Unrouted(Prefixed),
    OwedOn {
        /// Ascending.
        queues: Vec<i64>,
        /// The records that are owed on them, ascending; `None` when they are too many.
        seqs: Option<Vec<i64>>,
    },
    Delivered(Ending),
    Ended(Ending),
}

/// The queues whose names start with a prefix. Each is asked for its name when it is first met: a server may have very
/// many queues, of which one search meets few.
pub(super) struct Prefixed {
    prefix: String,
    met: RefCell<HashMap<i64, bool>>,
}

/// The queues of [`Counted`].
pub(super) struct Ending {
    queues: Prefixed,
    dead_letters: Prefixed,
}

impl Stands {
    /// `None` when no record stands like this.
    pub(super) fn new(conn: &Connection, standing: &Standing) -> Result<Option<Self>, StoreError> {
        Ok(match standing {
            Standing::Unrouted(prefix) => Some(Self::Unrouted(Prefixed::new(prefix))),
            Standing::OwedOn(prefix) => {
                let queues = queues(conn, prefix)?;
                if queues.is_empty() {
                    return Ok(None);
                }
                let seqs = owed_on(conn, &queues).attempting("look up what is owed")?;
                Some(Self::OwedOn { queues, seqs })
            }
            Standing::Delivered(counted) => Some(Self::Delivered(Ending::new(counted))),
            Standing::Ended(counted) => Some(Self::Ended(Ending::new(counted))),
        })
    }

    /// The only records that can stand like this, when there are few.
    pub(super) fn candidates(&self) -> Option<&[i64]> {
        match self {
            Self::OwedOn { seqs, .. } => seqs.as_deref(),
            Self::Unrouted(_) | Self::Delivered(_) | Self::Ended(_) => None,
        }
    }

    /// Whether only records that were routed somewhere can stand like this.
    pub(super) fn needs_routes(&self) -> bool {
        !matches!(self, Self::Unrouted(_))
    }

    /// What holding one record against it costs, in microseconds or so, when its row was read already.
    pub(super) fn cost(&self) -> u64 {
        match self {
            // What the row says is enough.
            Self::Unrouted(_) => 0,
            Self::OwedOn { .. } | Self::Delivered(_) | Self::Ended(_) => 14,
        }
    }

    /// Whether a record stands like this; `routes` is what it was routed to.
    pub(super) fn holds(&self, conn: &Connection, seq: i64, routes: &str) -> rusqlite::Result<bool> {
        match self {
            Self::Unrouted(queues) => Ok(queues.count(conn, block::routes(routes))? == 0),
            Self::OwedOn { seqs: Some(seqs), .. } => Ok(seqs.binary_search(&seq).is_ok()),
            Self::OwedOn { queues, seqs: None } => {
                let owed = owed(conn, seq)?;
                Ok(owed.iter().any(|queue| queues.binary_search(queue).is_ok()))
            }
            Self::Delivered(ending) => {
                Ok(ending.of(conn, seq, routes)?.is_some_and(|(routed, taken)| taken >= routed))
            }
            Self::Ended(ending) => {
                Ok(ending.of(conn, seq, routes)?.is_some_and(|(routed, taken)| taken < routed))
            }
        }
    }
}

impl Prefixed {
    fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), met: RefCell::default() }
    }

    fn has(&self, conn: &Connection, queue: i64) -> rusqlite::Result<bool> {
        if let Some(&has) = self.met.borrow().get(&queue) {
            return Ok(has);
        }
        let has = conn
            .prepare_cached("SELECT name FROM queue WHERE number = ?1")?
            .query_row([queue], |row| Ok(row.get_ref(0)?.as_str()?.starts_with(&self.prefix)))?;
        self.met.borrow_mut().insert(queue, has);
        Ok(has)
    }

    fn count(&self, conn: &Connection, queues: impl Iterator<Item = i64>) -> rusqlite::Result<usize> {
        let mut count = 0;
        for queue in queues {
            count += usize::from(self.has(conn, queue)?);
        }
        Ok(count)
    }
}

impl Ending {
    fn new(counted: &Counted) -> Self {
        let (queues, dead_letters) = (Prefixed::new(&counted.queues), Prefixed::new(&counted.dead_letters));
        Self { queues, dead_letters }
    }

    /// How many of the queues a record was routed to, and how many have taken it. `None` when it was routed to none, or
    /// is still owed.
    fn of(&self, conn: &Connection, seq: i64, routes: &str) -> rusqlite::Result<Option<(usize, usize)>> {
        let routed = self.queues.count(conn, block::routes(routes))?;
        if routed == 0 {
            return Ok(None);
        }
        let owed = owed(conn, seq)?.into_iter();
        if self.queues.count(conn, owed.clone())? + self.dead_letters.count(conn, owed)? > 0 {
            return Ok(None);
        }
        Ok(Some((routed, self.queues.count(conn, taken(conn, seq)?.into_iter())?)))
    }
}

fn owed_on(conn: &Connection, queues: &[i64]) -> rusqlite::Result<Option<Vec<i64>>> {
    if queues.len() > QUEUES_MAX {
        return Ok(None);
    }
    let mut seqs = Vec::new();
    let mut select = conn.prepare_cached(
        "SELECT seq FROM delivery INDEXED BY delivery_due WHERE queue = ?1 ORDER BY due, seq",
    )?;
    for queue in queues {
        let mut rows = select.query([queue])?;
        while let Some(row) = rows.next()? {
            if seqs.len() >= CANDIDATES_MAX {
                return Ok(None);
            }
            seqs.push(row.get(0)?);
        }
    }
    seqs.sort_unstable();
    seqs.dedup();
    Ok(Some(seqs))
}

/// The queues that a record is owed on.
fn owed(conn: &Connection, seq: i64) -> rusqlite::Result<Vec<i64>> {
    numbers(conn, "SELECT queue FROM delivery WHERE seq = ?1", seq)
}

/// The queues that have taken a record.
fn taken(conn: &Connection, seq: i64) -> rusqlite::Result<Vec<i64>> {
    numbers(conn, "SELECT DISTINCT queue FROM attempt WHERE seq = ?1 AND succeeded", seq)
}

fn numbers(conn: &Connection, query: &str, seq: i64) -> rusqlite::Result<Vec<i64>> {
    conn.prepare_cached(query)?.query_map([seq], |row| row.get(0))?.collect()
}
