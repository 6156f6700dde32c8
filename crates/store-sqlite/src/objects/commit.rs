//! Changing buckets, objects and uploads, with the records of the same transaction.
//!
//! An append writes into the file of its object behind what is committed. Two appends to one file must not overlap,
//! so each holds a lock from checking the state of its object to the outcome of its commit; and once the outcome of a commit was
//! unclear, nothing is appended any more, since what is there may be committed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kulkul_store::objects::{
    BucketEntry, DataId, Discard, Extent, NewData, ObjectChange, ObjectCommit, ObjectEntry, PartEntry,
    UploadEntry,
};
use kulkul_store::{NewRecord, Revision, Seq, StoreError};
use rusqlite::{Connection, Params, params};
use tokio::sync::MutexGuard;

use super::encoding::{read_extents, write_extents, write_kind};
use super::{APPEND_LOCKS, Inner, optional, rows};
use crate::events::EventsTx;
use crate::failure::Attempting;
use crate::writer::Weight;

/// Runs a commit to its end.
pub(super) async fn run(inner: Arc<Inner>, commit: ObjectCommit) -> Result<Vec<Seq>, StoreError> {
    let _locks = lock_appends(&inner, &commit.changes).await;
    let ObjectCommit { changes, mut new_data, records } = commit;
    let mut statements = Vec::with_capacity(changes.len());
    for change in changes {
        statements.push(match change {
            ObjectChange::Append { bucket, key, at, entry, tail } => {
                check_revision(&inner, &bucket, &key, at).await?;
                let extents = append(&inner, &entry, &tail).await?;
                new_data.push(tail);
                let entry = ObjectEntry { extents, ..entry };
                ObjectChange::Put { bucket, key, at: Some(at), entry }
            }
            other => other,
        });
    }
    let kept: Vec<(NewData, Option<Discard>)> =
        new_data.into_iter().map(|data| (data.clone(), data.keep())).collect();
    let ids: Vec<DataId> = kept.iter().map(|(data, _)| data.id()).collect();
    let new_ids = ids.clone();
    let weight = weigh(&statements, &records);
    let job = move |tx: &mut EventsTx<'_>| apply(tx, &statements, &new_ids, &records);
    match inner.events.writer.run(weight, job).await {
        Ok((seqs, dead)) => {
            ids.iter().for_each(|&id| inner.files.settled(id));
            dead.into_iter().for_each(|id| inner.files.discard(id));
            Ok(seqs)
        }
        Err(error) => {
            if stored_nothing(&error) {
                kept.into_iter().for_each(|(data, discard)| data.give_back(discard));
            } else {
                inner.in_doubt.store(true, Ordering::Release);
            }
            Err(error)
        }
    }
}

fn weigh(changes: &[ObjectChange], records: &[NewRecord]) -> Weight {
    let rows = 4 * changes.len() + records.iter().map(|record| 1 + record.routes.len()).sum::<usize>();
    Weight::of(rows, records.iter().map(|record| record.body.len()).sum())
}

/// Whether it is certain that a commit that failed has stored nothing.
fn stored_nothing(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict { .. }
        | StoreError::NotFound { .. }
        | StoreError::Full { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Closed
        | StoreError::Busy => true,
        StoreError::Format { .. } | StoreError::Engine { .. } => false,
    }
}

/// Locks the files that are appended to, in an order that all commits share.
async fn lock_appends<'i>(inner: &'i Inner, changes: &[ObjectChange]) -> Vec<MutexGuard<'i, ()>> {
    let mut numbers: Vec<usize> = changes
        .iter()
        .filter_map(|change| match change {
            ObjectChange::Append { entry, .. } => entry.extents.last(),
            _ => None,
        })
        .map(|extent| (extent.data.0 % APPEND_LOCKS as u128) as usize)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut locks = Vec::with_capacity(numbers.len());
    for number in numbers {
        locks.push(inner.append_locks[number].lock().await);
    }
    locks
}

/// Checks, under the lock of the append, that the object is what the append was decided on. The transaction checks
/// it again; but by then the tail has been written, and must not have been written over somebody else's.
async fn check_revision(inner: &Inner, bucket: &str, key: &str, at: Revision) -> Result<(), StoreError> {
    let place = (bucket.to_owned(), key.to_owned());
    let found = inner.events.readers.read(move |conn| revision_and_extents(conn, &place.0, &place.1)).await?;
    match found {
        Some((revision, _)) if revision == at => Ok(()),
        _ => Err(conflict(bucket, key)),
    }
}

/// Writes the tail of an append behind the object's last file and returns the extents with it. An object without
/// bytes takes the tail's own file.
async fn append(inner: &Arc<Inner>, entry: &ObjectEntry, tail: &NewData) -> Result<Vec<Extent>, StoreError> {
    if inner.in_doubt.load(Ordering::Acquire) {
        return Err(StoreError::Poisoned { reason: "the outcome of an earlier change is unclear".into() });
    }
    let mut extents = entry.extents.clone();
    if tail.length() == 0 {
        return Ok(extents);
    }
    let Some(last) = extents.last_mut() else { return Ok(tail.extents()) };
    let (files, data, at, from) = (Arc::clone(&inner.files), last.data, last.offset + last.length, tail.id());
    let extended = tokio::task::spawn_blocking(move || files.extend(data, at, from)).await;
    match extended.map_err(|source| StoreError::engine("append to an object", source))? {
        // Somebody has deleted the object meanwhile.
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Conflict { key: format!("data/{data}") });
        }
        other => other.attempting("append to an object")?,
    }
    last.length += tail.length();
    Ok(extents)
}

/// Inside the transaction: makes the changes and appends the records. Returns the places of the records, and the
/// files that nothing refers to any more.
fn apply(
    tx: &mut EventsTx<'_>,
    changes: &[ObjectChange],
    new_data: &[DataId],
    records: &[NewRecord],
) -> Result<(Vec<Seq>, Vec<DataId>), StoreError> {
    let mut references = References::default();
    for change in changes {
        make(tx.connection(), change, &mut references)?;
    }
    let dead = references.store(tx.connection(), new_data)?;
    let seqs = records.iter().map(|record| tx.append(record)).collect::<Result<_, _>>()?;
    Ok((seqs, dead))
}

fn make(conn: &Connection, change: &ObjectChange, references: &mut References) -> Result<(), StoreError> {
    match change {
        ObjectChange::CreateBucket(entry) => create_bucket(conn, entry),
        ObjectChange::DeleteBucket { name } => delete_bucket(conn, name),
        ObjectChange::Put { bucket, key, at, entry } => {
            put_object(conn, (bucket, key), *at, entry, references)
        }
        ObjectChange::Append { .. } => unreachable!("an append was turned into a put"),
        ObjectChange::Delete { bucket, key, at } => delete_object(conn, (bucket, key), *at, references),
        ObjectChange::CreateUpload(entry) => create_upload(conn, entry),
        ObjectChange::PutPart { upload, part } => put_part(conn, upload, part, references),
        ObjectChange::DeleteUpload { upload, at } => delete_upload(conn, upload, *at, references),
    }
}

fn create_bucket(conn: &Connection, entry: &BucketEntry) -> Result<(), StoreError> {
    let created = execute(
        conn,
        "INSERT OR IGNORE INTO bucket VALUES (?1, ?2, ?3)",
        params![entry.name, entry.created_at.as_millis(), &*entry.attributes],
        "create a bucket",
    )?;
    if created == 1 { Ok(()) } else { Err(conflict(&entry.name, "")) }
}

fn delete_bucket(conn: &Connection, name: &str) -> Result<(), StoreError> {
    let deleted = execute(
        conn,
        "DELETE FROM bucket WHERE name = ?1
         AND NOT EXISTS (SELECT 1 FROM object WHERE bucket = ?1)
         AND NOT EXISTS (SELECT 1 FROM upload WHERE bucket = ?1)",
        [name],
        "delete a bucket",
    )?;
    if deleted == 1 { Ok(()) } else { Err(conflict(name, "")) }
}

fn put_object(
    conn: &Connection,
    (bucket, key): (&str, &str),
    at: Option<Revision>,
    entry: &ObjectEntry,
    references: &mut References,
) -> Result<(), StoreError> {
    let action = "write an object";
    let old = revision_and_extents(conn, bucket, key)?;
    if old.as_ref().map(|(revision, _)| *revision) != at {
        return Err(conflict(bucket, key));
    }
    if old.is_none() && rows::bucket(conn, bucket)?.is_none() {
        return Err(StoreError::NotFound { key: format!("bucket/{bucket}") });
    }
    references.add(&entry.extents);
    references.remove(&old.map(|(_, extents)| extents).unwrap_or_default());
    execute(
        conn,
        "INSERT OR REPLACE INTO object VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            bucket,
            key,
            new_revision(),
            write_kind(entry.kind),
            entry.size.cast_signed(),
            entry.etag,
            entry.crc64.cast_signed(),
            entry.modified_at.as_millis(),
            entry.storage_class,
            &*entry.attributes,
            write_extents(&entry.extents),
        ],
        action,
    )
    .map(drop)
}

fn delete_object(
    conn: &Connection,
    (bucket, key): (&str, &str),
    at: Revision,
    references: &mut References,
) -> Result<(), StoreError> {
    match revision_and_extents(conn, bucket, key)? {
        Some((revision, extents)) if revision == at => references.remove(&extents),
        _ => return Err(conflict(bucket, key)),
    }
    let delete = "DELETE FROM object WHERE bucket = ?1 AND key = ?2";
    execute(conn, delete, [bucket, key], "delete an object").map(drop)
}

fn revision_and_extents(
    conn: &Connection,
    bucket: &str,
    key: &str,
) -> Result<Option<(Revision, Vec<Extent>)>, StoreError> {
    let row = conn
        .prepare_cached("SELECT revision, extents FROM object WHERE bucket = ?1 AND key = ?2")
        .and_then(|mut s| {
            s.query_row([bucket, key], |row| {
                let revision = Revision(row.get::<_, i64>(0)?.cast_unsigned());
                Ok((revision, read_extents(row.get_ref(1)?.as_blob()?)))
            })
        });
    let found = optional(row, "read the state of an object")?;
    found.map(|(revision, extents)| Ok((revision, extents?))).transpose()
}

fn create_upload(conn: &Connection, entry: &UploadEntry) -> Result<(), StoreError> {
    if rows::bucket(conn, &entry.bucket)?.is_none() {
        return Err(StoreError::NotFound { key: format!("bucket/{}", entry.bucket) });
    }
    execute(
        conn,
        "INSERT INTO upload VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            entry.id,
            new_revision(),
            entry.bucket,
            entry.key,
            entry.created_at.as_millis(),
            entry.storage_class,
            &*entry.attributes,
        ],
        "begin an upload",
    )
    .map(drop)
}

fn put_part(
    conn: &Connection,
    upload: &str,
    part: &PartEntry,
    references: &mut References,
) -> Result<(), StoreError> {
    let action = "write a part";
    let touched = execute(
        conn,
        "UPDATE upload SET revision = ?2 WHERE id = ?1",
        params![upload, new_revision()],
        action,
    )?;
    if touched == 0 {
        return Err(StoreError::NotFound { key: format!("upload/{upload}") });
    }
    let old = conn.prepare_cached("SELECT extents FROM part WHERE upload = ?1 AND number = ?2").and_then(
        |mut s| s.query_row(params![upload, part.number], |row| Ok(read_extents(row.get_ref(0)?.as_blob()?))),
    );
    references.add(&part.extents);
    references.remove(&optional(old, action)?.transpose()?.unwrap_or_default());
    execute(
        conn,
        "INSERT OR REPLACE INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            upload,
            part.number,
            part.size.cast_signed(),
            part.etag,
            part.crc64.cast_signed(),
            part.modified_at.as_millis(),
            write_extents(&part.extents),
        ],
        action,
    )
    .map(drop)
}

fn delete_upload(
    conn: &Connection,
    upload: &str,
    at: Revision,
    references: &mut References,
) -> Result<(), StoreError> {
    let action = "end an upload";
    let deleted = execute(
        conn,
        "DELETE FROM upload WHERE id = ?1 AND revision = ?2",
        params![upload, at.0.cast_signed()],
        action,
    )?;
    if deleted == 0 {
        return Err(StoreError::Conflict { key: format!("upload/{upload}") });
    }
    let parts = conn
        .prepare_cached("DELETE FROM part WHERE upload = ?1 RETURNING extents")
        .and_then(|mut s| {
            let rows = s.query_map([upload], |row| Ok(read_extents(row.get_ref(0)?.as_blob()?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })
        .attempting(action)?;
    parts.into_iter().try_for_each(|extents| {
        references.remove(&extents?);
        Ok(())
    })
}

/// How the numbers of references change. Joining the parts of an upload moves references and changes no number.
#[derive(Default)]
struct References(BTreeMap<DataId, i64>);

impl References {
    fn add(&mut self, extents: &[Extent]) {
        extents.iter().for_each(|extent| *self.0.entry(extent.data).or_default() += 1);
    }

    fn remove(&mut self, extents: &[Extent]) {
        extents.iter().for_each(|extent| *self.0.entry(extent.data).or_default() -= 1);
    }

    /// Stores the numbers; returns the data that has no reference left. Conflict when data is gone that something is
    /// to refer to.
    fn store(mut self, conn: &Connection, new_data: &[DataId]) -> Result<Vec<DataId>, StoreError> {
        let action = "count the references to data";
        let mut dead = Vec::new();
        let mut counts: HashMap<DataId, i64> = HashMap::new();
        for id in new_data {
            match self.0.remove(id) {
                Some(count) if count > 0 => drop(counts.insert(*id, count)),
                _ => dead.push(*id),
            }
        }
        for (id, count) in counts {
            let insert = "INSERT INTO data VALUES (?1, ?2)";
            execute(conn, insert, params![id.0.to_be_bytes(), count], action)?;
        }
        for (id, change) in self.0.into_iter().filter(|(_, change)| *change != 0) {
            let row = conn
                .prepare_cached("UPDATE data SET refs = refs + ?2 WHERE id = ?1 RETURNING refs")
                .and_then(|mut s| s.query_row(params![id.0.to_be_bytes(), change], |row| row.get(0)));
            let Some(refs) = optional::<i64>(row, action)? else {
                return Err(StoreError::Conflict { key: format!("data/{id}") });
            };
            if refs <= 0 {
                execute(conn, "DELETE FROM data WHERE id = ?1", [id.0.to_be_bytes()], action)?;
                dead.push(id);
            }
        }
        Ok(dead)
    }
}

/// A revision that no object or upload has had.
fn new_revision() -> i64 {
    uuid::Uuid::new_v4().as_u64_pair().0.cast_signed()
}

fn conflict(bucket: &str, key: &str) -> StoreError {
    StoreError::Conflict { key: format!("object/{bucket}/{key}") }
}

fn execute(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    action: &'static str,
) -> Result<usize, StoreError> {
    conn.prepare_cached(sql).and_then(|mut s| s.execute(params)).attempting(action)
}
