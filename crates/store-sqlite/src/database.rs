//! Opening a database file: its settings, its format, its mode.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use kulkul_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::directory;
use crate::failure::Attempting;

/// What a file is: the application id in its header, and the tables that a new one gets.
pub(crate) struct Kind {
    /// The name of the file in the data directory.
    pub(crate) file_name: &'static str,
    /// `PRAGMA application_id`.
    pub(crate) application_id: i32,
    /// What creates its tables, in order.
    pub(crate) schema: &'static [&'static str],
}

/// How large a file may get.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// In bytes. A file that would need more is treated as if the disk were full.
    pub(crate) bytes_max: Option<u64>,
}

/// The format that this version writes, and the only one that it reads: `PRAGMA user_version`.
pub(crate) const FORMAT: i32 = 1;

/// The size of a page; SQLite's own default.
const PAGE_BYTES: u64 = 4096;
/// How long to wait for somebody else's lock, such as that of a person with `sqlite3`.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// The page cache of a connection that writes, in KiB.
const WRITER_CACHE_KIB: i32 = 4096;
/// The page cache of a connection that reads, in KiB.
const READER_CACHE_KIB: i32 = 512;

/// Opens the file for writing; creates it when it is not there.
///
/// Blocks. [`StoreError::Format`] when the file is something else, or of another version.
pub(crate) fn open_writer(dir: &Path, kind: &Kind, limits: Limits) -> Result<Connection, StoreError> {
    let path = dir.join(kind.file_name);
    create_empty(&path).attempting("create a database file")?;
    let conn = Connection::open_with_flags(&path, flags()).attempting("open a database file")?;
    let found = read_format(&conn, kind)?;
    // Only now that the file is known to be ours is anything set.
    conn.pragma_update(None, "page_size", PAGE_BYTES as i64)
        .and_then(|()| {
            conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        })
        .and_then(|mode| if mode == "wal" { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) })
        .attempting("turn on the write-ahead log")?;
    configure(&conn, WRITER_CACHE_KIB)?;
    if found == Found::Nothing {
        create_tables(&conn, kind)?;
        directory::sync(dir).attempting("sync the data directory")?;
    }
    if let Some(bytes) = limits.bytes_max {
        let pages = i64::try_from(bytes / PAGE_BYTES).unwrap_or(i64::MAX).max(1);
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .attempting("limit the size of a database file")?;
    }
    Ok(conn)
}

/// Opens the file for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, flags()).attempting("open a database file")?;
    configure(&conn, READER_CACHE_KIB)?;
    conn.pragma_update(None, "query_only", true).attempting("make a connection read only")?;
    Ok(conn)
}

#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    Ours,
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// SQLite would create the file readable for everybody; its log gets the mode of the file.
fn create_empty(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

fn configure(conn: &Connection, cache_kib: i32) -> Result<(), StoreError> {
    conn.set_prepared_statement_cache_capacity(64);
    conn.busy_timeout(LOCK_WAIT)
        .and_then(|()| conn.pragma_update(None, "synchronous", "FULL"))
        .and_then(|()| conn.pragma_update(None, "cache_size", -cache_kib))
        .and_then(|()| conn.pragma_update(None, "temp_store", "MEMORY"))
        .and_then(|()| conn.pragma_update(None, "trusted_schema", false))
        // The writer copies the log itself, between commits.
        .and_then(|()| conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())))
        .attempting("configure a database connection")
}

fn read_format(conn: &Connection, kind: &Kind) -> Result<Found, StoreError> {
    let number = |pragma| conn.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let numbers = number("application_id").and_then(|id| Ok((id, number("user_version")?)));
    let is_empty = conn
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))
        .unwrap_or(false);
    let found = match numbers {
        Ok((0, 0)) if is_empty => return Ok(Found::Nothing),
        Ok((id, FORMAT)) if id == kind.application_id => return Ok(Found::Ours),
        Ok((id, format)) if id == kind.application_id => format.to_string(),
        Ok((id, format)) => format!("{format} of application {id:#010x}"),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            "none that SQLite knows".to_owned()
        }
        Err(error) => return Err(error).attempting("read the format of a database file"),
    };
    Err(StoreError::Format { what: kind.file_name.to_owned(), found, expected: FORMAT.to_string() })
}

fn create_tables(conn: &Connection, kind: &Kind) -> Result<(), StoreError> {
    let tables = kind.schema.concat();
    let (id, format) = (kind.application_id, FORMAT);
    conn.execute_batch(&format!(
        "BEGIN IMMEDIATE; {tables} PRAGMA application_id = {id}; PRAGMA user_version = {format}; COMMIT;"
    ))
    .attempting("create the tables of a database file")
}
