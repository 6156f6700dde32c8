//! Sorted lists with folding. A folded group costs one step, however much is in it: the index skips to its end.

use kulkul_store::StoreError;
use kulkul_store::objects::{
    BucketEntry, ListEntry, ListPage, ListQuery, ObjectSummary, UploadEntry, after_all_with_prefix,
};
use rusqlite::{CachedStatement, Connection, Row, params};

use super::encoding::{TextBound, read_kind};
use super::rows::{bucket_row, time, upload_row};
use crate::failure::Attempting;

/// No text in UTF-8 is greater.
const END: [u8; 1] = [0xff];

/// Where reading goes on: at the first key from `key`, and of that key at the first id from `id`.
struct From {
    key: Vec<u8>,
    id: Vec<u8>,
}

impl From {
    fn start(query: &ListQuery, after_id: Option<&str>) -> Self {
        let mut from = match (query.after_folded(), after_id) {
            (Some(folded), None) => Self { key: after_all_with_prefix(folded), id: Vec::new() },
            (_, Some(id)) => Self { key: query.after.clone().into_bytes(), id: just_after(id) },
            (None, None) if query.after.is_empty() => Self { key: Vec::new(), id: Vec::new() },
            (None, None) => Self { key: just_after(&query.after), id: Vec::new() },
        };
        if from.key.as_slice() < query.prefix.as_bytes() {
            from = Self { key: query.prefix.clone().into_bytes(), id: Vec::new() };
        }
        from
    }
}

/// The smallest byte string that is greater than a text.
fn just_after(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn end_of(prefix: &str) -> Vec<u8> {
    if prefix.is_empty() { END.to_vec() } else { after_all_with_prefix(prefix) }
}

/// A page of buckets.
pub(super) fn buckets(
    conn: &Connection,
    prefix: &str,
    after: &str,
    max: usize,
) -> Result<Vec<BucketEntry>, StoreError> {
    let query = ListQuery { prefix: prefix.to_owned(), after: after.to_owned(), ..ListQuery::default() };
    let (from, to) = (From::start(&query, None).key, end_of(prefix));
    conn.prepare_cached(
        "SELECT name, created_at, attributes FROM bucket WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3",
    )
    .and_then(|mut s| s.query_map(params![TextBound(&from), TextBound(&to), max as i64], bucket_row)?.collect())
    .attempting("list the buckets")
}

/// A page of a bucket's objects.
pub(super) fn objects(
    conn: &Connection,
    bucket: &str,
    query: &ListQuery,
) -> Result<ListPage<ObjectSummary>, StoreError> {
    let action = "list the objects of a bucket";
    let mut select = conn
        .prepare_cached(
            "SELECT key, kind, size, etag, modified_at, storage_class FROM object
             WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
        )
        .attempting(action)?;
    let to = end_of(&query.prefix);
    page(&mut select, query, From::start(query, None), |select, from, take| {
        let mut rows =
            select.query(params![bucket, TextBound(&from.key), TextBound(&to)]).attempting(action)?;
        while let Some(row) = rows.next().attempting(action)? {
            let key = row.get_ref(0).and_then(|value| Ok(value.as_str()?)).attempting(action)?;
            if take(key, &|| object_row(row, key))? {
                break;
            }
        }
        Ok(())
    })
}

fn object_row(row: &Row<'_>, key: &str) -> Result<ObjectSummary, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let kind: String = row.get(1)?;
        let summary = ObjectSummary {
            key: key.to_owned(),
            kind: kulkul_store::objects::ObjectKind::Normal,
            size: row.get::<_, i64>(2)?.cast_unsigned(),
            etag: row.get(3)?,
            modified_at: time(row, 4)?,
            storage_class: row.get(5)?,
        };
        Ok((kind, summary))
    };
    let (kind, summary) = read().attempting("read an object")?;
    Ok(ObjectSummary { kind: read_kind(&kind)?, ..summary })
}

/// A page of a bucket's unfinished uploads.
pub(super) fn uploads(
    conn: &Connection,
    bucket: &str,
    query: &ListQuery,
    after_id: Option<&str>,
) -> Result<ListPage<UploadEntry>, StoreError> {
    let action = "list the uploads of a bucket";
    let mut select = conn
        .prepare_cached(
            "SELECT id, bucket, key, created_at, storage_class, attributes FROM upload
             WHERE bucket = ?1 AND (key, id) >= (?2, ?3) AND key < ?4 ORDER BY key, id",
        )
        .attempting(action)?;
    let to = end_of(&query.prefix);
    page(&mut select, query, From::start(query, after_id), |select, from, take| {
        let mut rows = select
            .query(params![bucket, TextBound(&from.key), TextBound(&from.id), TextBound(&to)])
            .attempting(action)?;
        while let Some(row) = rows.next().attempting(action)? {
            let key = row.get_ref(2).and_then(|value| Ok(value.as_str()?)).attempting(action)?;
            if take(key, &|| upload_row(row).attempting(action))? {
                break;
            }
        }
        Ok(())
    })
}

/// Takes a key and what reads its row; returns whether to stop reading where it is.
type Take<'t, T> = dyn FnMut(&str, &dyn Fn() -> Result<T, StoreError>) -> Result<bool, StoreError> + 't;

/// Fills a page: `read` yields the rows from a place on until it is told to stop; after a folded entry it is called
/// again for what comes behind it.
fn page<T>(
    select: &mut CachedStatement<'_>,
    query: &ListQuery,
    mut from: From,
    read: impl Fn(&mut CachedStatement<'_>, &From, &mut Take<'_, T>) -> Result<(), StoreError>,
) -> Result<ListPage<T>, StoreError> {
    let mut page = ListPage { entries: Vec::new(), truncated: false };
    loop {
        let mut folded = None;
        read(select, &from, &mut |key, row| {
            if page.entries.len() == query.max {
                page.truncated = true;
                return Ok(true);
            }
            if let Some(group) = query.folds(key) {
                folded = Some(group.to_owned());
                return Ok(true);
            }
            page.entries.push(ListEntry::Item(row()?));
            Ok(false)
        })?;
        let Some(group) = folded else { return Ok(page) };
        from = From { key: after_all_with_prefix(&group), id: Vec::new() };
        page.entries.push(ListEntry::Folded(group));
    }
}
