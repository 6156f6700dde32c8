//! The numbers that stand for the names of logs and queues.
//!
//! A number, once committed, stands for its name for ever; so what is remembered here never becomes wrong.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kulkul_store::StoreError;
use rusqlite::{Connection, OptionalExtension};

use crate::failure::Attempting;

/// How many names of one table are remembered. A table with more is asked again and again, which is only slower.
const REMEMBERED_MAX: usize = 50_000;

/// Which table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Log,
    Queue,
}

impl Table {
    fn select(self) -> &'static str {
        match self {
            Table::Log => "SELECT number FROM log WHERE name = ?1",
            Table::Queue => "SELECT number FROM queue WHERE name = ?1",
        }
    }

    fn insert(self) -> &'static str {
        match self {
            Table::Log => "INSERT INTO log (name) VALUES (?1) RETURNING number",
            Table::Queue => "INSERT INTO queue (name) VALUES (?1) RETURNING number",
        }
    }
}

/// The committed names that are remembered, for readers and the writer alike.
#[derive(Debug, Default)]
pub(crate) struct Names {
    logs: RwLock<HashMap<Arc<str>, i64>>,
    queues: RwLock<HashMap<Arc<str>, i64>>,
}

impl Names {
    fn table(&self, table: Table) -> &RwLock<HashMap<Arc<str>, i64>> {
        match table {
            Table::Log => &self.logs,
            Table::Queue => &self.queues,
        }
    }

    fn remembered(&self, table: Table, name: &str) -> Option<i64> {
        self.table(table).read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn remember(&self, table: Table, name: Arc<str>, number: i64) {
        let mut names = self.table(table).write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= REMEMBERED_MAX {
            names.clear();
        }
        names.insert(name, number);
    }

    /// The number of a name, for a reader; `None` when nothing was ever stored under it.
    pub(crate) fn find(
        &self,
        conn: &Connection,
        table: Table,
        name: &Arc<str>,
    ) -> Result<Option<i64>, StoreError> {
        if let Some(number) = self.remembered(table, name) {
            return Ok(Some(number));
        }
        let number = select(conn, table, name)?;
        if let Some(number) = number {
            self.remember(table, Arc::clone(name), number);
        }
        Ok(number)
    }
}

/// The writer's view: committed names, and those of the transaction under way.
#[derive(Debug, Default)]
pub(super) struct StagedNames {
    committed: Arc<Names>,
    numbers: HashMap<(Table, Arc<str>), i64>,
    order: Vec<(Table, Arc<str>)>,
}

impl StagedNames {
    pub(super) fn new(committed: Arc<Names>) -> Self {
        Self { committed, ..Self::default() }
    }

    /// The number of a name, which gets one if it has none.
    pub(super) fn number(
        &mut self,
        conn: &Connection,
        table: Table,
        name: &Arc<str>,
    ) -> Result<i64, StoreError> {
        if let Some(number) = self.committed.remembered(table, name) {
            return Ok(number);
        }
        let key = (table, Arc::clone(name));
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let number = match select(conn, table, name)? {
            Some(number) => number,
            None => conn
                .prepare_cached(table.insert())
                .and_then(|mut s| s.query_row([&**name], |row| row.get(0)))
                .attempting("store a name")?,
        };
        self.numbers.insert(key, number);
        self.order.push((table, Arc::clone(name)));
        Ok(number)
    }

    /// The number of a name; `None` when nothing was ever stored under it.
    pub(super) fn find(
        &self,
        conn: &Connection,
        table: Table,
        name: &Arc<str>,
    ) -> Result<Option<i64>, StoreError> {
        // First, since what is staged must not be remembered as committed.
        match self.numbers.get(&(table, Arc::clone(name))) {
            Some(number) => Ok(Some(*number)),
            None => self.committed.find(conn, table, name),
        }
    }

    pub(super) fn mark(&self) -> usize {
        self.order.len()
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        for key in self.order.drain(mark..) {
            self.numbers.remove(&key);
        }
    }

    pub(super) fn committed(&mut self) {
        for key in self.order.drain(..) {
            if let Some(number) = self.numbers.remove(&key) {
                self.committed.remember(key.0, key.1, number);
            }
        }
    }
}

fn select(conn: &Connection, table: Table, name: &str) -> Result<Option<i64>, StoreError> {
    conn.prepare_cached(table.select())
        .and_then(|mut s| s.query_row([name], |row| row.get(0)).optional())
        .attempting("look up a name")
}
