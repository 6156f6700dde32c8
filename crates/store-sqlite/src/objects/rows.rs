//! Reading single rows.

use bytes::Bytes;
use kulkul_model::Timestamp;
use kulkul_store::objects::{
    BucketEntry, BucketStats, Found, ObjectEntry, PartEntry, StoredObject, StoredUpload, UploadEntry,
};
use kulkul_store::{Revision, StoreError};
use rusqlite::{Connection, Row, params};

use super::encoding::{read_extents, read_kind};
use super::optional;
use crate::failure::Attempting;

/// A bucket.
pub(super) fn bucket(conn: &Connection, name: &str) -> Result<Option<BucketEntry>, StoreError> {
    let row = conn
        .prepare_cached("SELECT name, created_at, attributes FROM bucket WHERE name = ?1")
        .and_then(|mut s| s.query_row([name], bucket_row));
    optional(row, "read a bucket")
}

/// A row of `name, created_at, attributes`.
pub(super) fn bucket_row(row: &Row<'_>) -> rusqlite::Result<BucketEntry> {
    Ok(BucketEntry { name: row.get(0)?, created_at: time(row, 1)?, attributes: blob(row, 2)? })
}

/// What a bucket holds.
pub(super) fn bucket_stats(conn: &Connection, name: &str) -> Result<BucketStats, StoreError> {
    let number = |row: &Row<'_>, at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let (object_count, object_bytes) = conn
        .prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM object WHERE bucket = ?1")
        .and_then(|mut s| s.query_row([name], |row| Ok((number(row, 0)?, number(row, 1)?))))
        .attempting("count the objects of a bucket")?;
    let upload_count = conn
        .prepare_cached("SELECT count(*) FROM upload WHERE bucket = ?1")
        .and_then(|mut s| s.query_row([name], |row| number(row, 0)))
        .attempting("count the uploads of a bucket")?;
    Ok(BucketStats { object_count, object_bytes, upload_count })
}

/// What is at a key. The bucket is only looked for when there is no object: an object has one.
pub(super) fn find(conn: &Connection, bucket_name: &str, key: &str) -> Result<Found, StoreError> {
    if let Some(object) = object(conn, bucket_name, key)? {
        return Ok(Found::Object(Box::new(object)));
    }
    Ok(if bucket(conn, bucket_name)?.is_some() { Found::NoObject } else { Found::NoBucket })
}

/// An object.
pub(super) fn object(conn: &Connection, bucket: &str, key: &str) -> Result<Option<StoredObject>, StoreError> {
    let row = conn
        .prepare_cached(
            "SELECT kind, size, etag, crc64, modified_at, storage_class, attributes, extents, revision
             FROM object WHERE bucket = ?1 AND key = ?2",
        )
        .and_then(|mut s| s.query_row([bucket, key], |row| Ok(object_row(row))));
    optional(row, "read an object")?.transpose()
}

fn object_row(row: &Row<'_>) -> Result<StoredObject, StoreError> {
    let action = "read an object";
    let text = |at| row.get_ref(at).and_then(|value| Ok(value.as_str()?.to_owned())).attempting(action);
    let bytes = |at| blob(row, at).attempting(action);
    let number = |at| row.get::<_, i64>(at).attempting(action);
    let entry = ObjectEntry {
        kind: read_kind(&text(0)?)?,
        size: number(1)?.cast_unsigned(),
        etag: text(2)?,
        crc64: number(3)?.cast_unsigned(),
        modified_at: Timestamp::from_millis(number(4)?),
        storage_class: text(5)?,
        attributes: bytes(6)?,
        extents: read_extents(&bytes(7)?)?,
    };
    Ok(StoredObject { entry, revision: Revision(number(8)?.cast_unsigned()) })
}

/// An upload.
pub(super) fn upload(conn: &Connection, id: &str) -> Result<Option<StoredUpload>, StoreError> {
    let row = conn
        .prepare_cached(
            "SELECT id, bucket, key, created_at, storage_class, attributes, revision FROM upload WHERE id = ?1",
        )
        .and_then(|mut s| s.query_row([id], stored_upload_row));
    optional(row, "read an upload")
}

/// The oldest uploads begun before a time.
pub(super) fn uploads_before(
    conn: &Connection,
    time: Timestamp,
    max: usize,
) -> Result<Vec<StoredUpload>, StoreError> {
    conn.prepare_cached(
        "SELECT id, bucket, key, created_at, storage_class, attributes, revision
         FROM upload WHERE created_at < ?1 ORDER BY created_at LIMIT ?2",
    )
    .and_then(|mut s| s.query_map(params![time.as_millis(), max as i64], stored_upload_row)?.collect())
    .attempting("list old uploads")
}

/// A row of `id, bucket, key, created_at, storage_class, attributes`.
pub(super) fn upload_row(row: &Row<'_>) -> rusqlite::Result<UploadEntry> {
    Ok(UploadEntry {
        id: row.get(0)?,
        bucket: row.get(1)?,
        key: row.get(2)?,
        created_at: time(row, 3)?,
        storage_class: row.get(4)?,
        attributes: blob(row, 5)?,
    })
}

fn stored_upload_row(row: &Row<'_>) -> rusqlite::Result<StoredUpload> {
    let revision = Revision(row.get::<_, i64>(6)?.cast_unsigned());
    Ok(StoredUpload { entry: upload_row(row)?, revision })
}

/// Parts of an upload, by number.
pub(super) fn parts(
    conn: &Connection,
    upload: &str,
    after: u32,
    max: usize,
) -> Result<Vec<PartEntry>, StoreError> {
    conn.prepare_cached(
        "SELECT number, size, etag, crc64, modified_at, extents
         FROM part WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )
    .and_then(|mut s| {
        let rows = s.query_map(params![upload, after, max as i64], |row| {
            let extents = blob(row, 5)?;
            let part = PartEntry {
                number: row.get(0)?,
                size: row.get::<_, i64>(1)?.cast_unsigned(),
                etag: row.get(2)?,
                crc64: row.get::<_, i64>(3)?.cast_unsigned(),
                modified_at: time(row, 4)?,
                extents: Vec::new(),
            };
            Ok(read_extents(&extents).map(|extents| PartEntry { extents, ..part }))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    })
    .attempting("read the parts of an upload")?
    .into_iter()
    .collect()
}

pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Timestamp> {
    row.get(at).map(Timestamp::from_millis)
}

fn blob(row: &Row<'_>, at: usize) -> rusqlite::Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.get_ref(at)?.as_blob()?))
}
