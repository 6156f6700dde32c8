//! When the write-ahead log is copied into the database file.
//!
//! SQLite would do it in the middle of a commit, every 1,000 pages. Here the writer does it between commits, with a
//! longer log: a page that was changed in many commits is then copied once. Readers are never waited for.

use kulkul_store::StoreError;
use rusqlite::Connection;

use crate::failure::Attempting;

/// A log of this many pages is copied even under load.
const PAGES_LONG: u64 = 4000;
/// A log of this many pages is also cut off on disk, as soon as nobody writes.
const PAGES_HUGE: u64 = 4 * PAGES_LONG;
/// How many pages a commit changes beside those that its payload fills.
const PAGES_PER_COMMIT: u64 = 4;

/// Watches how long the log of one file gets.
#[derive(Debug, Default)]
pub(crate) struct Checkpointer {
    /// How many pages the log has by estimate: each checkpoint says how many there really are.
    pages: u64,
    /// The longest that the log has been since it was cut off.
    longest: u64,
}

impl Checkpointer {
    /// A batch of this weight is about to be committed.
    pub(crate) fn expect(&mut self, weight: u32) {
        self.pages += PAGES_PER_COMMIT + u64::from(weight) / 3;
        self.longest = self.longest.max(self.pages);
    }

    /// Between two commits. Returns how many pages were copied.
    pub(crate) fn when_long(&mut self, conn: &Connection) -> Result<u64, StoreError> {
        if self.pages < PAGES_LONG { Ok(0) } else { self.copy(conn, "PRAGMA wal_checkpoint(PASSIVE)") }
    }

    /// Nobody has written for a while.
    pub(crate) fn when_idle(&mut self, conn: &Connection) -> Result<u64, StoreError> {
        match (self.pages, self.longest) {
            (_, PAGES_HUGE..) => self.cut_off(conn),
            (1.., _) => self.copy(conn, "PRAGMA wal_checkpoint(PASSIVE)"),
            (0, _) => Ok(0),
        }
    }

    /// Before the file is closed.
    pub(crate) fn for_good(&mut self, conn: &Connection) -> Result<u64, StoreError> {
        self.cut_off(conn)
    }

    fn cut_off(&mut self, conn: &Connection) -> Result<u64, StoreError> {
        let pages = self.copy(conn, "PRAGMA wal_checkpoint(TRUNCATE)")?;
        self.longest = self.pages;
        Ok(pages)
    }

    fn copy(&mut self, conn: &Connection, pragma: &'static str) -> Result<u64, StoreError> {
        let (in_log, copied): (i64, i64) = conn
            .prepare_cached(pragma)
            .and_then(|mut s| s.query_row([], |row| Ok((row.get(1)?, row.get(2)?))))
            .attempting("copy the write-ahead log into the database")?;
        let left = u64::try_from(in_log - copied).unwrap_or(0);
        // The log starts anew once all of it was copied; else a reader still needs it, and it goes on growing.
        self.pages = left;
        Ok(u64::try_from(copied).unwrap_or(0))
    }
}
