//! Where records stand with those that they were routed to.

use kulkul_store::{Standing, StoreError};
use rusqlite::Connection;

use super::block;
use super::search::queues;
use crate::failure::Attempting;

/// Owed records are looked up by their deliveries when there are at most so many, on at most [`QUEUES_MAX`] queues.
/// More are found by walking over all records: there is one to be found in every few blocks then.
const CANDIDATES_MAX: usize = 4096;
const QUEUES_MAX: usize = 256;

/// A [`Standing`] with numbers in the place of names.
pub(super) enum Stands {
    Unrouted,
    OwedOn {
        /// Ascending.
        queues: Vec<i64>,
        /// The records that are owed on them, ascending; `None` when they are too many.
        seqs: Option<Vec<i64>>,
    },
    Delivered,
    Ended,
}

impl Stands {
    /// `None` when no record stands like this.
    pub(super) fn new(conn: &Connection, standing: &Standing) -> Result<Option<Self>, StoreError> {
        Ok(match standing {
            Standing::Unrouted => Some(Self::Unrouted),
            Standing::OwedOn(prefix) => {
                let queues = queues(conn, prefix)?;
                if queues.is_empty() {
                    return Ok(None);
                }
                let seqs = owed_on(conn, &queues).attempting("look up what is owed")?;
                Some(Self::OwedOn { queues, seqs })
            }
            Standing::Delivered => Some(Self::Delivered),
            Standing::Ended => Some(Self::Ended),
        })
    }

    /// The only records that can stand like this, when there are few.
    pub(super) fn candidates(&self) -> Option<&[i64]> {
        match self {
            Self::OwedOn { seqs, .. } => seqs.as_deref(),
            Self::Unrouted | Self::Delivered | Self::Ended => None,
        }
    }

    /// Whether the records were routed anywhere.
    pub(super) fn is_routed(&self) -> bool {
        !matches!(self, Self::Unrouted)
    }

    /// Whether a record stands like this; `routes` is what it was routed to.
    pub(super) fn holds(&self, conn: &Connection, seq: i64, routes: &str) -> rusqlite::Result<bool> {
        match self {
            Self::Unrouted => Ok(routes.is_empty()),
            Self::OwedOn { seqs: Some(seqs), .. } => Ok(seqs.binary_search(&seq).is_ok()),
            Self::OwedOn { queues, seqs: None } => {
                let mut select = conn.prepare_cached("SELECT queue FROM delivery WHERE seq = ?1")?;
                let mut rows = select.query([seq])?;
                while let Some(row) = rows.next()? {
                    if queues.binary_search(&row.get(0)?).is_ok() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Delivered => Ok(!is_owed(conn, seq)? && is_taken(conn, seq, routes)?),
            Self::Ended => Ok(!is_owed(conn, seq)? && !is_taken(conn, seq, routes)?),
        }
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

fn is_owed(conn: &Connection, seq: i64) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM delivery WHERE seq = ?1")?.exists([seq])
}

/// Whether as many queues have taken a record as it was routed to.
fn is_taken(conn: &Connection, seq: i64, routes: &str) -> rusqlite::Result<bool> {
    let taken: i64 = conn
        .prepare_cached("SELECT count(DISTINCT queue) FROM attempt WHERE seq = ?1 AND succeeded")?
        .query_row([seq], |row| row.get(0))?;
    Ok(taken as usize >= block::routes(routes).count())
}
