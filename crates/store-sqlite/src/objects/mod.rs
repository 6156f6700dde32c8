//! Buckets, objects and uploads in `events.db`, and their bytes as files under `objects/`.
//!
//! The index is in `events.db` because a change and the event that tells of it are one transaction. A file has a
//! random name and is never changed once something refers to it, except that an appendable object's file grows
//! behind what is committed. The order of a write, and what a crash at each step leaves:
//!
//! 1. The file is created and its directory synced, mostly beforehand (`spares`). Then it is written and synced.
//!    A crash leaves a file that nothing refers to.
//! 2. The transaction is committed: object, reference and event at once, or nothing of them.
//! 3. Files that nothing refers to any more are removed. A crash leaves them.
//!
//! Whatever a crash leaves, the `cleaner` removes after the next start.

mod cleaner;
mod commit;
mod encoding;
mod files;
mod list;
mod rows;
pub(crate) mod schema;
mod sink;
mod spares;
mod stream;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kulkul_model::Timestamp;
use kulkul_store::objects::{
    BucketEntry, BucketStats, DataSink, DataStream, Extent, Found, ListPage, ListQuery, ObjectCommit,
    ObjectSummary, Objects, PartEntry, StoredUpload, UploadEntry,
};
use kulkul_store::{Seq, StoreError, StoreFuture};
use tokio::sync::Mutex;

use self::cleaner::Cleaner;
use self::files::Files;
use self::spares::SpareMaker;
use crate::events::Events;
use crate::failure::Attempting;

/// Appends to so many files may run at once; see [`commit`].
const APPEND_LOCKS: usize = 64;

/// The open buckets of a data directory.
pub(crate) struct SqliteObjects {
    inner: Arc<Inner>,
    spare_maker: SpareMaker,
    cleaner: Cleaner,
}

struct Inner {
    events: Arc<Events>,
    files: Arc<Files>,
    append_locks: [Mutex<()>; APPEND_LOCKS],
    /// Whether a commit has failed in a way that leaves open what was stored.
    in_doubt: AtomicBool,
}

impl SqliteObjects {
    /// Opens `objects/` in `dir`, creates it if need be, and begins to remove what an earlier crash left. Blocks.
    pub(crate) fn open(dir: &Path, events: Arc<Events>) -> Result<Self, StoreError> {
        let (files, garbage) = Files::open(&dir.join("objects"))?;
        let files = Arc::new(files);
        let cleaner = Cleaner::start(Arc::clone(&files), garbage, dir.join(schema::FILE_NAME))?;
        let spare_maker = SpareMaker::start(Arc::clone(&files))?;
        let append_locks = std::array::from_fn(|_| Mutex::new(()));
        let inner = Inner { events, files, append_locks, in_doubt: AtomicBool::new(false) };
        Ok(Self { inner: Arc::new(inner), spare_maker, cleaner })
    }

    /// Stops making and removing files. Blocks until the one at hand is done.
    pub(crate) fn close(&self) {
        self.spare_maker.stop();
        self.cleaner.stop();
    }
}

impl Objects for SqliteObjects {
    fn bucket(&self, name: &str) -> StoreFuture<'_, Option<BucketEntry>> {
        let name = name.to_owned();
        Box::pin(self.inner.events.readers.read(move |conn| rows::bucket(conn, &name)))
    }

    fn buckets(&self, prefix: &str, after: &str, max: usize) -> StoreFuture<'_, Vec<BucketEntry>> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        Box::pin(self.inner.events.readers.read(move |conn| list::buckets(conn, &prefix, &after, max)))
    }

    fn bucket_stats(&self, name: &str) -> StoreFuture<'_, BucketStats> {
        let name = name.to_owned();
        Box::pin(self.inner.events.readers.snapshot(move |conn| rows::bucket_stats(conn, &name)))
    }

    fn object(&self, bucket: &str, key: &str) -> StoreFuture<'_, Found> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        Box::pin(self.inner.events.readers.read(move |conn| rows::find(conn, &bucket, &key)))
    }

    fn list_objects(&self, bucket: &str, query: &ListQuery) -> StoreFuture<'_, ListPage<ObjectSummary>> {
        let (bucket, query) = (bucket.to_owned(), query.clone());
        Box::pin(self.inner.events.readers.snapshot(move |conn| list::objects(conn, &bucket, &query)))
    }

    fn upload(&self, id: &str) -> StoreFuture<'_, Option<StoredUpload>> {
        let id = id.to_owned();
        Box::pin(self.inner.events.readers.read(move |conn| rows::upload(conn, &id)))
    }

    fn list_uploads(
        &self,
        bucket: &str,
        query: &ListQuery,
        after_id: Option<&str>,
    ) -> StoreFuture<'_, ListPage<UploadEntry>> {
        let (bucket, query, after_id) = (bucket.to_owned(), query.clone(), after_id.map(str::to_owned));
        Box::pin(
            self.inner
                .events
                .readers
                .snapshot(move |conn| list::uploads(conn, &bucket, &query, after_id.as_deref())),
        )
    }

    fn uploads_before(&self, time: Timestamp, max: usize) -> StoreFuture<'_, Vec<StoredUpload>> {
        Box::pin(self.inner.events.readers.read(move |conn| rows::uploads_before(conn, time, max)))
    }

    fn parts(&self, upload: &str, after: u32, max: usize) -> StoreFuture<'_, Vec<PartEntry>> {
        let upload = upload.to_owned();
        Box::pin(self.inner.events.readers.read(move |conn| rows::parts(conn, &upload, after, max)))
    }

    fn commit(&self, commit: ObjectCommit) -> StoreFuture<'_, Vec<Seq>> {
        // On a Tokio task of its own, since a commit that was begun must be seen through: its appends hold locks.
        let running = tokio::spawn(commit::run(Arc::clone(&self.inner), commit));
        Box::pin(
            async move { running.await.map_err(|source| StoreError::engine("commit a change", source))? },
        )
    }

    fn create_data(&self) -> Box<dyn DataSink> {
        Box::new(sink::FileSink::new(Arc::clone(&self.inner.files)))
    }

    fn read(&self, extents: &[Extent], range: Range<u64>) -> StoreFuture<'_, DataStream> {
        let pieces = stream::cut(extents, range);
        Box::pin(stream::open(Arc::clone(&self.inner.files), pieces))
    }
}

/// Reads one row, if there is one.
fn optional<T>(result: rusqlite::Result<T>, action: &'static str) -> Result<Option<T>, StoreError> {
    use rusqlite::OptionalExtension;
    result.optional().attempting(action)
}
