//! Objects: buckets, the index of what lies in them, uploads in parts, and the bytes.
//!
//! A change and the records that speak of it are one commit: [`Objects::commit`] stores both or neither. What a
//! change expects of the state before it is compared in that commit, so whoever decided on older knowledge gets
//! [`StoreError::Conflict`](crate::StoreError::Conflict), reads again and decides again.
//!
//! Bytes are written before the commit that refers to them, under an id that nobody else knows. They go when the
//! last change that refers to them is undone, when their [`NewData`] is dropped without a commit, or, after a crash,
//! when the engine is opened. Several objects may share bytes: a copy refers to what is there.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use kulkul_model::Timestamp;

use crate::{NewRecord, Revision, Seq, StoreError, StoreFuture};

/// The id of written bytes, made by the engine. Its text is 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataId(pub u128);

impl fmt::Display for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A stretch of written bytes. An object is its extents in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Which bytes.
    pub data: DataId,
    /// Where the stretch begins in them.
    pub offset: u64,
    /// How many bytes it has; never 0.
    pub length: u64,
}

/// How an object came to be, which decides what can be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// Written at once.
    Normal,
    /// Joined from parts.
    Multipart,
    /// Written by appending; more can be appended.
    Appendable,
    /// A name for another object.
    Symlink,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// What else is known of it; the engine does not look inside.
    pub attributes: Bytes,
}

/// What a bucket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketStats {
    /// Objects.
    pub object_count: u64,
    /// The sum of their sizes, in bytes.
    pub object_bytes: u64,
    /// Unfinished uploads.
    pub upload_count: u64,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    /// How it came to be.
    pub kind: ObjectKind,
    /// Its size in bytes: the sum of its extents.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// The CRC-64 of its bytes.
    pub crc64: u64,
    /// When its content last changed.
    pub modified_at: Timestamp,
    /// Its storage class.
    pub storage_class: String,
    /// What else is known of it; the engine does not look inside.
    pub attributes: Bytes,
    /// Where its bytes are.
    pub extents: Vec<Extent>,
}

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The object.
    pub entry: ObjectEntry,
    /// Its state; another one after every change, also when the key was deleted and written anew.
    pub revision: Revision,
}

/// What is at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such bucket.
    NoBucket,
    /// The bucket has no such object.
    NoObject,
    /// The object.
    Object(Box<StoredObject>),
}

/// What a listing tells of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSummary {
    /// Its key.
    pub key: String,
    /// How it came to be.
    pub kind: ObjectKind,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// When its content last changed.
    pub modified_at: Timestamp,
    /// Its storage class.
    pub storage_class: String,
}

/// An unfinished upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadEntry {
    /// Its id, unique on this server.
    pub id: String,
    /// The bucket of the object to be.
    pub bucket: String,
    /// The key of the object to be.
    pub key: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The storage class of the object to be.
    pub storage_class: String,
    /// What else the object is to carry; the engine does not look inside.
    pub attributes: Bytes,
}

/// An unfinished upload as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpload {
    /// The upload.
    pub entry: UploadEntry,
    /// Its state; another one after every part.
    pub revision: Revision,
}

/// One part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// Its number, from 1.
    pub number: u32,
    /// Its size in bytes: the sum of its extents.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// The CRC-64 of its bytes.
    pub crc64: u64,
    /// When it was written.
    pub modified_at: Timestamp,
    /// Where its bytes are.
    pub extents: Vec<Extent>,
}

/// Which part of a sorted list to return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys that contain this after the prefix fold into one entry that ends with it. Empty folds nothing.
    pub delimiter: String,
    /// Only entries after this one. A folded entry here skips everything that it stands for.
    pub after: String,
    /// How many entries at most, folded ones included.
    pub max: usize,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntry<T> {
    /// One item.
    Item(T),
    /// All items whose keys start with this.
    Folded(String),
}

/// A page of a list, in the order of the bytes of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage<T> {
    /// The entries.
    pub entries: Vec<ListEntry<T>>,
    /// Whether entries follow the last one.
    pub truncated: bool,
}

impl ListQuery {
    /// The folded entry that `key` belongs to, `None` when it stands for itself. `key` must start with the prefix.
    pub fn folds<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let at = key.get(self.prefix.len()..)?.find(&self.delimiter)?;
        Some(&key[..self.prefix.len() + at + self.delimiter.len()])
    }

    /// The folded entry that `after` is, if it is one.
    pub fn after_folded(&self) -> Option<&str> {
        let after = self.after.as_str();
        (after.starts_with(&self.prefix) && self.folds(after) == Some(after)).then_some(after)
    }
}

/// The smallest byte string that is greater than every text starting with `prefix`, which must not be empty.
pub fn after_all_with_prefix(prefix: &str) -> Vec<u8> {
    let mut bound = prefix.as_bytes().to_vec();
    // No byte of UTF-8 is 0xff, so the last one always has a successor.
    if let Some(last) = bound.last_mut() {
        *last += 1;
    }
    bound
}

/// Bytes that were written and synced, and that nothing refers to yet. They go when the last clone is dropped,
/// unless a commit has taken them.
#[derive(Clone)]
pub struct NewData(Arc<Written>);

/// What an engine does with bytes that nobody took.
pub type Discard = Box<dyn FnOnce() + Send>;

struct Written {
    id: DataId,
    length: u64,
    discard: Mutex<Option<Discard>>,
}

impl NewData {
    /// Bytes that an engine has written; it calls `discard` when nobody takes them.
    pub fn new(id: DataId, length: u64, discard: Discard) -> Self {
        Self(Arc::new(Written { id, length, discard: Mutex::new(Some(discard)) }))
    }

    /// Their id.
    pub fn id(&self) -> DataId {
        self.0.id
    }

    /// How many there are.
    pub fn length(&self) -> u64 {
        self.0.length
    }

    /// All of them, as the extents of an object; none for no bytes.
    pub fn extents(&self) -> Vec<Extent> {
        let whole = Extent { data: self.0.id, offset: 0, length: self.0.length };
        if whole.length == 0 { Vec::new() } else { vec![whole] }
    }

    /// For engines: keeps the bytes from being discarded, before a commit that may take them.
    pub fn keep(&self) -> Option<Discard> {
        self.0.discard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// For engines: takes [`keep`](Self::keep) back, after a commit that certainly did not take them.
    pub fn give_back(&self, discard: Option<Discard>) {
        *self.0.discard.lock().unwrap_or_else(PoisonError::into_inner) = discard;
    }
}

impl fmt::Debug for NewData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewData").field("id", &self.0.id).field("length", &self.0.length).finish()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(discard) = self.discard.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            discard();
        }
    }
}

/// One change, with what it expects of the state before it.
#[derive(Clone, Debug)]
pub enum ObjectChange {
    /// Creates a bucket. Conflict when it exists.
    CreateBucket(BucketEntry),
    /// Deletes a bucket. Conflict when it has objects or uploads, or does not exist.
    DeleteBucket {
        /// Its name.
        name: String,
    },
    /// Writes an object. Conflict when the object is not at revision `at`, or, with `None`, when there is one.
    /// `NotFound` without the bucket. Conflict when an extent refers to bytes that are gone.
    Put {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The expected state.
        at: Option<Revision>,
        /// The object.
        entry: ObjectEntry,
    },
    /// Writes an object whose bytes are those that it has and then others. Conflict as with [`Put`](Self::Put).
    Append {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The expected state.
        at: Revision,
        /// The object as it is to be, except for its extents: those are the old ones, the engine adds the tail.
        entry: ObjectEntry,
        /// What follows the old bytes. Must not be in [`ObjectCommit::new_data`].
        tail: NewData,
    },
    /// Deletes an object that is at revision `at`; else Conflict.
    Delete {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The expected state.
        at: Revision,
    },
    /// Begins an upload. `NotFound` without the bucket.
    CreateUpload(UploadEntry),
    /// Writes a part, in place of the one with the same number. `NotFound` without the upload.
    PutPart {
        /// The upload.
        upload: String,
        /// The part.
        part: PartEntry,
    },
    /// Ends an upload that is at revision `at` and forgets its parts; else Conflict.
    DeleteUpload {
        /// The upload.
        upload: String,
        /// The expected state.
        at: Revision,
    },
}

/// Changes and the records that speak of them: all of it is stored, or nothing.
#[derive(Clone, Debug, Default)]
pub struct ObjectCommit {
    /// The changes, at most one of each object, upload and bucket.
    pub changes: Vec<ObjectChange>,
    /// The written bytes that they refer to for the first time.
    pub new_data: Vec<NewData>,
    /// The records.
    pub records: Vec<NewRecord>,
}

/// Where bytes are written. Dropping it discards them.
pub trait DataSink: Send {
    /// Takes more bytes. Not cancel-safe: drop the sink when the future was dropped.
    fn write(&mut self, bytes: Bytes) -> StoreFuture<'_, ()>;

    /// Syncs everything that was written.
    fn seal(self: Box<Self>) -> StoreFuture<'static, NewData>;
}

/// Bytes on their way out, in pieces of at most a few hundred KiB. An error ends it.
pub type DataStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// Buckets, objects, uploads and bytes.
pub trait Objects: Send + Sync + 'static {
    /// A bucket.
    fn bucket(&self, name: &str) -> StoreFuture<'_, Option<BucketEntry>>;

    /// The buckets whose names start with `prefix`, by name, from the first after `after`, at most `max`.
    fn buckets(&self, prefix: &str, after: &str, max: usize) -> StoreFuture<'_, Vec<BucketEntry>>;

    /// What a bucket holds; zeros when there is none.
    fn bucket_stats(&self, name: &str) -> StoreFuture<'_, BucketStats>;

    /// What is at a key.
    fn object(&self, bucket: &str, key: &str) -> StoreFuture<'_, Found>;

    /// A page of a bucket's objects.
    fn list_objects(&self, bucket: &str, query: &ListQuery) -> StoreFuture<'_, ListPage<ObjectSummary>>;

    /// An unfinished upload.
    fn upload(&self, id: &str) -> StoreFuture<'_, Option<StoredUpload>>;

    /// A page of a bucket's unfinished uploads, by key and then id. With `after_id`, uploads of the key
    /// `query.after` with a greater id are among them.
    fn list_uploads(
        &self,
        bucket: &str,
        query: &ListQuery,
        after_id: Option<&str>,
    ) -> StoreFuture<'_, ListPage<UploadEntry>>;

    /// Unfinished uploads begun before a time, oldest first, at most `max`.
    fn uploads_before(&self, time: Timestamp, max: usize) -> StoreFuture<'_, Vec<StoredUpload>>;

    /// The parts of an upload with numbers greater than `after`, ascending, at most `max`.
    fn parts(&self, upload: &str, after: u32, max: usize) -> StoreFuture<'_, Vec<PartEntry>>;

    /// Stores changes and their records in one commit; returns the places of the records.
    ///
    /// On `Conflict`, `NotFound`, `Full`, `Busy` and `Poisoned` nothing was stored, and the new data is the caller's
    /// again. After any other error it is unknown what was stored until the engine has been opened anew.
    fn commit(&self, commit: ObjectCommit) -> StoreFuture<'_, Vec<Seq>>;

    /// Begins to write bytes.
    fn create_data(&self) -> Box<dyn DataSink>;

    /// The bytes of `extents` in a row, of which `range` is read. `NotFound` when some of them have gone since the
    /// extents were read; once a stream is there, it keeps its bytes from going.
    fn read(&self, extents: &[Extent], range: Range<u64>) -> StoreFuture<'_, DataStream>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn keys_fold_at_the_first_delimiter_after_the_prefix() {
        let query = |prefix: &str, delimiter: &str, after: &str| ListQuery {
            prefix: prefix.into(),
            delimiter: delimiter.into(),
            after: after.into(),
            max: 1,
        };
        assert_eq!(query("a/", "/", "").folds("a/b/c"), Some("a/b/"));
        assert_eq!(query("a/", "/", "").folds("a/b"), None);
        assert_eq!(query("", "", "").folds("a/b"), None);
        assert_eq!(query("ü", "--", "").folds("ü1--2--3"), Some("ü1--"));
        assert_eq!(query("a/", "/", "a/b/").after_folded(), Some("a/b/"));
        assert_eq!(query("a/", "/", "a/b/c").after_folded(), None);
        assert_eq!(query("b/", "/", "a/").after_folded(), None);
        assert_eq!(after_all_with_prefix("a/"), b"a0");
    }

    #[test]
    fn data_that_nobody_took_is_discarded_once() {
        let discarded = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&discarded);
        let discard = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let data = NewData::new(DataId(1), 3, discard);
        let other = data.clone();
        let kept = data.keep();
        drop(data);
        other.give_back(kept);
        assert_eq!(discarded.load(Ordering::SeqCst), 0);
        drop(other);
        assert_eq!(discarded.load(Ordering::SeqCst), 1);
    }
}
