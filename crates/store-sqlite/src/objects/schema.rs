//! The tables of buckets and objects in `events.db`.

/// The database file that the tables are in.
pub(crate) const FILE_NAME: &str = "events.db";

/// Creates the tables. Points in time are milliseconds since the epoch, `crc64` has the bits of an unsigned number.
/// Keys are compared byte by byte, which is their order in listings. The columns that may be long come last.
pub(crate) const OBJECTS: &str = "
CREATE TABLE bucket (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    attributes BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE object (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    crc64 INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    attributes BLOB NOT NULL,
    extents BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    attributes BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX upload_by_key ON upload (bucket, key, id);
CREATE INDEX upload_by_age ON upload (created_at);

CREATE TABLE part (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    crc64 INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    extents BLOB NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;

-- The files under `objects/`, each with the number of extents that refer to it. What is not here may be removed.
CREATE TABLE data (id BLOB PRIMARY KEY, refs INTEGER NOT NULL) WITHOUT ROWID;
";
