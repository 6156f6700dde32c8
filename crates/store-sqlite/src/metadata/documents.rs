//! Reading and changing documents.

use bytes::Bytes;
use kulkul_store::{Change, Document, Key, Revision, StoreError, Watch};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::watchers::{Watcher, Watchers};
use crate::failure::Attempting;
use crate::writer::Ledger;

pub(super) const SCHEMA: &str = "
CREATE TABLE document (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL);

-- The last revision that was given out, since none is given out twice.
CREATE TABLE revision (last INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
";

/// The document at a key.
pub(super) fn get(conn: &Connection, key: &str) -> Result<Option<Document>, StoreError> {
    conn.prepare_cached("SELECT key, revision, value FROM document WHERE key = ?1")
        .and_then(|mut s| s.query_row([key], document).optional())
        .attempting("read a document")
}

/// The documents whose keys start with `prefix`, after `after`.
pub(super) fn list(
    conn: &Connection,
    prefix: &str,
    after: Option<&str>,
    max: usize,
) -> Result<Vec<Document>, StoreError> {
    // Keys with one prefix stand together, in order of their bytes.
    let from = after.filter(|after| *after >= prefix);
    let sql = match from {
        Some(_) => "SELECT key, revision, value FROM document WHERE key > ?1 ORDER BY key",
        None => "SELECT key, revision, value FROM document WHERE key >= ?1 ORDER BY key",
    };
    let collect = |mut statement: rusqlite::CachedStatement<'_>| {
        let documents = statement.query_map([from.unwrap_or(prefix)], document)?;
        let is_of_prefix = |document: &rusqlite::Result<Document>| {
            document.as_ref().map_or(true, |document| document.key.0.starts_with(prefix))
        };
        documents.take_while(is_of_prefix).take(max).collect()
    };
    conn.prepare_cached(sql).and_then(collect).attempting("list documents")
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        key: Key(row.get_ref(0)?.as_str()?.into()),
        revision: Revision(row.get::<_, i64>(1)? as u64),
        value: Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?),
    })
}

/// What the writer of `meta.db` knows and has staged.
pub(crate) struct MetadataLedger {
    last_revision: u64,
    committed_revision: u64,
    staged: Vec<Staged>,
    watchers: Watchers,
}

/// What follows a commit, in order.
enum Staged {
    Changed(Change),
    Watched(Watcher),
}

impl MetadataLedger {
    pub(super) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let last = conn
            .query_row("SELECT last FROM revision", [], |row| row.get::<_, i64>(0))
            .attempting("read the last revision")? as u64;
        let (staged, watchers) = (Vec::new(), Watchers::default());
        Ok(Self { last_revision: last, committed_revision: last, staged, watchers })
    }

    pub(super) fn create(
        &mut self,
        conn: &Connection,
        key: Key,
        value: Bytes,
    ) -> Result<Revision, StoreError> {
        match revision(conn, &key)? {
            None => self.put(conn, key, value),
            Some(_) => Err(conflict(&key)),
        }
    }

    pub(super) fn replace(
        &mut self,
        conn: &Connection,
        key: Key,
        at: Revision,
        value: Bytes,
    ) -> Result<Revision, StoreError> {
        match revision(conn, &key)? {
            Some(present) if present == at => self.put(conn, key, value),
            Some(_) | None => Err(conflict(&key)),
        }
    }

    pub(super) fn delete(
        &mut self,
        conn: &Connection,
        key: Key,
        at: Option<Revision>,
    ) -> Result<bool, StoreError> {
        let Some(present) = revision(conn, &key)? else { return Ok(false) };
        if at.is_some_and(|at| at != present) {
            return Err(conflict(&key));
        }
        conn.prepare_cached("DELETE FROM document WHERE key = ?1")
            .and_then(|mut s| s.execute([&*key.0]))
            .attempting("delete a document")?;
        self.staged.push(Staged::Changed(Change::Deleted(key)));
        Ok(true)
    }

    /// Begins a watch. What it sends first is what the transaction sees; what jobs after this one change follows.
    pub(super) fn watch(&mut self, conn: &Connection, prefix: String) -> Result<Watch, StoreError> {
        let present = list(conn, &prefix, None, usize::MAX)?;
        let (watcher, watch) = Watcher::new(prefix, present);
        self.staged.push(Staged::Watched(watcher));
        Ok(watch)
    }

    fn put(&mut self, conn: &Connection, key: Key, value: Bytes) -> Result<Revision, StoreError> {
        self.last_revision += 1;
        let revision = Revision(self.last_revision);
        conn.prepare_cached("INSERT OR REPLACE INTO document (key, revision, value) VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![&*key.0, revision.0 as i64, &*value]))
            .attempting("store a document")?;
        self.staged.push(Staged::Changed(Change::Put(Document { key, value, revision })));
        Ok(revision)
    }
}

impl Ledger for MetadataLedger {
    type Mark = (u64, usize);

    fn mark(&self) -> Self::Mark {
        (self.last_revision, self.staged.len())
    }

    fn rewind(&mut self, (revision, staged): Self::Mark) {
        self.last_revision = revision;
        self.staged.truncate(staged);
    }

    fn before_commit(&mut self, conn: &Connection) -> Result<(), StoreError> {
        if self.last_revision == self.committed_revision {
            return Ok(());
        }
        conn.prepare_cached("UPDATE revision SET last = ?1")
            .and_then(|mut s| s.execute([self.last_revision as i64]))
            .attempting("store the last revision")
            .map(drop)
    }

    fn committed(&mut self) {
        self.committed_revision = self.last_revision;
        for staged in self.staged.drain(..) {
            match staged {
                Staged::Changed(change) => self.watchers.tell(&change),
                Staged::Watched(watcher) => self.watchers.add(watcher),
            }
        }
    }

    fn discarded(&mut self) {
        self.rewind((self.committed_revision, 0));
    }
}

fn revision(conn: &Connection, key: &Key) -> Result<Option<Revision>, StoreError> {
    conn.prepare_cached("SELECT revision FROM document WHERE key = ?1")
        .and_then(|mut s| s.query_row([&*key.0], |row| row.get::<_, i64>(0)).optional())
        .map(|revision| revision.map(|revision| Revision(revision as u64)))
        .attempting("read a document")
}

fn conflict(key: &Key) -> StoreError {
    StoreError::Conflict { key: key.to_string() }
}
