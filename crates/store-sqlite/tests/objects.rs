//! Buckets and objects on SQLite and files.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::objects::{
    BucketEntry, Found, ListEntry, ListQuery, NewData, ObjectChange, ObjectCommit, ObjectEntry, ObjectKind,
    Objects, PartEntry, StoredObject, UploadEntry,
};
use kulkul_store::{LogName, NewRecord, RecordKey, Revision, StoreError};
use kulkul_store_sqlite::{Options, SqliteStore};

struct Fixture {
    dir: tempfile::TempDir,
    store: SqliteStore,
    objects: Arc<dyn Objects>,
}

impl Fixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
        let fixture = Self { objects: store.objects(), dir, store };
        fixture.commit(vec![ObjectChange::CreateBucket(bucket("bkt"))], vec![]).await.unwrap();
        fixture
    }

    fn reopen(self) -> Self {
        let Self { dir, store, objects } = self;
        drop(objects);
        drop(store);
        let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
        Self { objects: store.objects(), dir, store }
    }

    async fn commit(&self, changes: Vec<ObjectChange>, new_data: Vec<NewData>) -> Result<(), StoreError> {
        self.objects.commit(ObjectCommit { changes, new_data, records: vec![] }).await.map(drop)
    }

    async fn data(&self, bytes: &[u8]) -> NewData {
        let mut sink = self.objects.create_data();
        for piece in bytes.chunks(700_000) {
            sink.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        sink.seal().await.unwrap()
    }

    async fn put(&self, key: &str, at: Option<Revision>, bytes: &[u8]) -> Result<(), StoreError> {
        let data = self.data(bytes).await;
        let entry = entry(ObjectKind::Normal, &data);
        self.commit(vec![put(key, at, entry)], vec![data]).await
    }

    async fn find(&self, key: &str) -> Option<StoredObject> {
        match self.objects.object("bkt", key).await.unwrap() {
            Found::Object(object) => Some(*object),
            Found::NoObject => None,
            Found::NoBucket => panic!("the bucket is gone"),
        }
    }

    async fn content(&self, key: &str) -> Vec<u8> {
        let object = self.find(key).await.unwrap();
        self.read(&object, 0..object.entry.size).await
    }

    async fn read(&self, object: &StoredObject, range: std::ops::Range<u64>) -> Vec<u8> {
        let mut stream = self.objects.read(&object.entry.extents, range).await.unwrap();
        let mut all = Vec::new();
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece.unwrap());
        }
        all
    }

    fn files(&self) -> BTreeSet<String> {
        files(self.dir.path())
    }

    /// Waits until `count` files are left.
    async fn wait_for_files(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.files().len() != count {
            assert!(Instant::now() < deadline, "there are still {:?}", self.files());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn files(dir: &Path) -> BTreeSet<String> {
    let shelves = std::fs::read_dir(dir.join("objects")).unwrap().map(|shelf| shelf.unwrap().path());
    let files = shelves.flat_map(|shelf| std::fs::read_dir(shelf).unwrap());
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn bucket(name: &str) -> BucketEntry {
    BucketEntry { name: name.to_owned(), created_at: Timestamp::from_millis(5), attributes: Bytes::new() }
}

fn entry(kind: ObjectKind, data: &NewData) -> ObjectEntry {
    ObjectEntry {
        kind,
        size: data.length(),
        etag: "E".to_owned(),
        crc64: u64::MAX - 1,
        modified_at: Timestamp::from_millis(7),
        storage_class: "Standard".to_owned(),
        attributes: Bytes::from_static(b"{}"),
        extents: data.extents(),
    }
}

fn put(key: &str, at: Option<Revision>, entry: ObjectEntry) -> ObjectChange {
    ObjectChange::Put { bucket: "bkt".to_owned(), key: key.to_owned(), at, entry }
}

fn delete(key: &str, at: Revision) -> ObjectChange {
    ObjectChange::Delete { bucket: "bkt".to_owned(), key: key.to_owned(), at }
}

fn record(id: &str) -> NewRecord {
    NewRecord {
        key: RecordKey {
            log: LogName("bus/default".into()),
            id: id.to_owned(),
            source: "acs.oss".to_owned(),
            kind: "oss:ObjectCreated:PutObject".to_owned(),
            subject: String::new(),
        },
        trace_id: TraceId::random(),
        accepted_at: Timestamp::from_millis(7),
        body: Bytes::from_static(b"{}"),
        routes: vec![],
    }
}

fn is_conflict(result: Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict { .. }))
}

#[tokio::test]
async fn an_object_is_what_was_written_also_after_a_restart() {
    let fixture = Fixture::new().await;
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    fixture.put("large", None, &large).await.unwrap();
    fixture.put("empty", None, b"").await.unwrap();
    let fixture = fixture.reopen();
    assert_eq!(fixture.content("large").await, large);
    assert_eq!(fixture.content("empty").await, b"");
    let object = fixture.find("large").await.unwrap();
    assert_eq!(object.entry.crc64, u64::MAX - 1);
    assert_eq!(fixture.read(&object, 299_999..2_800_001).await, large[299_999..2_800_001]);
    assert_eq!(fixture.read(&object, 5..5).await, b"");
    fixture.wait_for_files(1).await;
}

#[tokio::test]
async fn a_change_on_older_knowledge_is_a_conflict_and_leaves_no_file() {
    let fixture = Fixture::new().await;
    fixture.put("k", None, b"one").await.unwrap();
    let first = fixture.find("k").await.unwrap().revision;
    assert!(is_conflict(fixture.put("k", None, b"two").await));
    fixture.put("k", Some(first), b"three").await.unwrap();
    assert!(is_conflict(fixture.put("k", Some(first), b"four").await));
    assert!(is_conflict(fixture.commit(vec![delete("k", first)], vec![]).await));
    assert_eq!(fixture.content("k").await, b"three");
    fixture.wait_for_files(1).await;
    let second = fixture.find("k").await.unwrap().revision;
    fixture.commit(vec![delete("k", second)], vec![]).await.unwrap();
    assert!(fixture.find("k").await.is_none());
    assert!(is_conflict(fixture.put("k", Some(second), b"five").await), "deleted meanwhile");
    fixture.wait_for_files(0).await;
}

#[tokio::test]
async fn a_change_and_its_records_are_stored_together_or_not_at_all() {
    let fixture = Fixture::new().await;
    let log = fixture.store.event_log();
    let data = fixture.data(b"one").await;
    let change = put("k", None, entry(ObjectKind::Normal, &data));
    let commit =
        |records| ObjectCommit { changes: vec![change.clone()], new_data: vec![data.clone()], records };
    let seqs = fixture.objects.commit(commit(vec![record("1"), record("2")])).await.unwrap();
    assert_eq!(log.read(seqs[1]).await.unwrap().unwrap().key.id, "2");
    let refused =
        fixture.objects.commit(ObjectCommit { new_data: vec![], ..commit(vec![record("3")]) }).await;
    assert!(is_conflict(refused.map(drop)));
    let data = fixture.data(b"x").await;
    let change = put("other", None, entry(ObjectKind::Normal, &data));
    let seqs = fixture
        .objects
        .commit(ObjectCommit { changes: vec![change], new_data: vec![data], records: vec![record("4")] })
        .await
        .unwrap();
    assert_eq!(log.read(seqs[0]).await.unwrap().unwrap().key.id, "4");
    let ids: Vec<String> = {
        let mut ids = Vec::new();
        for seq in 1..=seqs[0].0 {
            ids.extend(log.read(kulkul_store::Seq(seq)).await.unwrap().map(|record| record.key.id));
        }
        ids
    };
    assert_eq!(ids, ["1", "2", "4"], "nothing speaks of the change that was refused");
}

#[tokio::test]
async fn bytes_that_were_never_committed_go() {
    let fixture = Fixture::new().await;
    let data = fixture.data(b"sealed").await;
    let mut sink = fixture.objects.create_data();
    sink.write(Bytes::from(vec![1; 2_000_000])).await.unwrap();
    assert_eq!(fixture.files().len(), 2);
    drop(sink);
    fixture.wait_for_files(1).await;
    drop(data);
    fixture.wait_for_files(0).await;
}

#[tokio::test]
async fn what_a_crash_left_goes_at_the_next_start() {
    let fixture = Fixture::new().await;
    fixture.put("k", None, b"kept").await.unwrap();
    let kept = fixture.files();
    let shelf = fixture.dir.path().join("objects/00");
    std::fs::create_dir_all(&shelf).unwrap();
    std::fs::write(shelf.join("00112233445566778899aabbccddeeff"), b"left by a crash").unwrap();
    std::fs::write(shelf.join("README"), b"not ours").unwrap();
    let fixture = fixture.reopen();
    fixture.wait_for_files(2).await;
    assert!(fixture.files().is_superset(&kept));
    assert_eq!(fixture.content("k").await, b"kept");
}

#[tokio::test]
async fn a_reader_sees_the_old_bytes_to_their_end() {
    let fixture = Fixture::new().await;
    let old = vec![1; 2_000_000];
    fixture.put("k", None, &old).await.unwrap();
    let object = fixture.find("k").await.unwrap();
    let mut stream = fixture.objects.read(&object.entry.extents, 0..object.entry.size).await.unwrap();
    fixture.put("k", Some(object.revision), b"new").await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(all, old);
    drop(stream);
    fixture.wait_for_files(1).await;
    let gone = fixture.objects.read(&object.entry.extents, 0..1).await;
    assert!(matches!(gone.err(), Some(StoreError::NotFound { .. })), "who read the old extents reads again");
}

#[tokio::test]
async fn a_copy_shares_the_bytes_until_the_last_one_goes() {
    let fixture = Fixture::new().await;
    fixture.put("a", None, b"shared").await.unwrap();
    let source = fixture.find("a").await.unwrap();
    fixture.commit(vec![put("b", None, source.entry.clone())], vec![]).await.unwrap();
    fixture.wait_for_files(1).await;
    fixture.commit(vec![delete("a", source.revision)], vec![]).await.unwrap();
    assert_eq!(fixture.content("b").await, b"shared");
    let copy = fixture.find("b").await.unwrap();
    let mut same = copy.entry.clone();
    same.attributes = Bytes::from_static(b"new");
    fixture.commit(vec![put("b", Some(copy.revision), same)], vec![]).await.unwrap();
    assert_eq!(fixture.content("b").await, b"shared");
    let copy = fixture.find("b").await.unwrap();
    fixture.commit(vec![delete("b", copy.revision)], vec![]).await.unwrap();
    fixture.wait_for_files(0).await;
    let too_late = fixture.commit(vec![put("c", None, source.entry)], vec![]).await;
    assert!(is_conflict(too_late), "the bytes are gone");
}

#[tokio::test]
async fn appending_adds_to_the_file_and_one_of_several_wins() {
    let fixture = Fixture::new().await;
    let data = fixture.data(b"one").await;
    fixture.commit(vec![put("log", None, entry(ObjectKind::Appendable, &data))], vec![data]).await.unwrap();
    let object = fixture.find("log").await.unwrap();
    let append = async |object: &StoredObject, bytes: &[u8]| {
        let tail = fixture.data(bytes).await;
        let mut entry = object.entry.clone();
        entry.size += tail.length();
        let (bucket, key) = ("bkt".to_owned(), "log".to_owned());
        let change = ObjectChange::Append { bucket, key, at: object.revision, entry, tail };
        fixture.commit(vec![change], vec![]).await
    };
    let racers = (0..20_u8).map(|number| append(&object, Box::leak(Box::new([number; 5]))));
    let outcomes = futures_util::future::join_all(racers).await;
    let winners: Vec<_> = (0..20_u8).filter(|&number| outcomes[usize::from(number)].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(fixture.content("log").await, [b"one".as_slice(), &[winners[0]; 5]].concat());
    let object = fixture.find("log").await.unwrap();
    append(&object, b"end").await.unwrap();
    let whole = [b"one".as_slice(), &[winners[0]; 5], b"end"].concat();
    let fixture = fixture.reopen();
    assert_eq!(fixture.content("log").await, whole);
    assert_eq!(fixture.find("log").await.unwrap().entry.extents.len(), 1);
    fixture.wait_for_files(1).await;
}

#[tokio::test]
async fn an_empty_appendable_object_takes_its_first_bytes() {
    let fixture = Fixture::new().await;
    let data = fixture.data(b"").await;
    fixture.commit(vec![put("log", None, entry(ObjectKind::Appendable, &data))], vec![data]).await.unwrap();
    let object = fixture.find("log").await.unwrap();
    let tail = fixture.data(b"first").await;
    let entry = ObjectEntry { size: 5, ..object.entry };
    let (bucket, key) = ("bkt".to_owned(), "log".to_owned());
    let change = ObjectChange::Append { bucket, key, at: object.revision, entry, tail };
    fixture.commit(vec![change], vec![]).await.unwrap();
    assert_eq!(fixture.content("log").await, b"first");
    fixture.wait_for_files(1).await;
}

#[tokio::test]
async fn a_bucket_with_anything_in_it_cannot_be_deleted() {
    let fixture = Fixture::new().await;
    let delete_bucket = || vec![ObjectChange::DeleteBucket { name: "bkt".to_owned() }];
    assert!(is_conflict(fixture.commit(vec![ObjectChange::CreateBucket(bucket("bkt"))], vec![]).await));
    fixture.put("k", None, b"x").await.unwrap();
    fixture.commit(vec![ObjectChange::CreateUpload(upload("u1", "k"))], vec![]).await.unwrap();
    let stats = fixture.objects.bucket_stats("bkt").await.unwrap();
    assert_eq!((stats.object_count, stats.object_bytes, stats.upload_count), (1, 1, 1));
    assert!(is_conflict(fixture.commit(delete_bucket(), vec![]).await));
    let at = fixture.find("k").await.unwrap().revision;
    fixture.commit(vec![delete("k", at)], vec![]).await.unwrap();
    assert!(is_conflict(fixture.commit(delete_bucket(), vec![]).await));
    let at = fixture.objects.upload("u1").await.unwrap().unwrap().revision;
    fixture.commit(vec![ObjectChange::DeleteUpload { upload: "u1".to_owned(), at }], vec![]).await.unwrap();
    fixture.commit(delete_bucket(), vec![]).await.unwrap();
    assert!(is_conflict(fixture.commit(delete_bucket(), vec![]).await));
    assert_eq!(fixture.objects.object("bkt", "k").await.unwrap(), Found::NoBucket);
    let late = fixture.put("k", None, b"x").await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
    fixture.wait_for_files(0).await;
}

fn upload(id: &str, key: &str) -> UploadEntry {
    UploadEntry {
        id: id.to_owned(),
        bucket: "bkt".to_owned(),
        key: key.to_owned(),
        created_at: Timestamp::from_millis(9),
        storage_class: "Standard".to_owned(),
        attributes: Bytes::new(),
    }
}

#[tokio::test]
async fn parts_become_an_object_without_being_copied() {
    let fixture = Fixture::new().await;
    fixture.commit(vec![ObjectChange::CreateUpload(upload("u1", "k"))], vec![]).await.unwrap();
    for (number, bytes) in [(3, "three"), (1, "one"), (2, "replaced"), (2, "two"), (9, "unused")] {
        let data = fixture.data(bytes.as_bytes()).await;
        let part = PartEntry {
            number,
            size: data.length(),
            etag: bytes.to_owned(),
            crc64: 1 << 63,
            modified_at: Timestamp::from_millis(8),
            extents: data.extents(),
        };
        let change = ObjectChange::PutPart { upload: "u1".to_owned(), part };
        fixture.commit(vec![change], vec![data]).await.unwrap();
    }
    let fixture = fixture.reopen();
    fixture.wait_for_files(4).await;
    let parts = fixture.objects.parts("u1", 0, 1000).await.unwrap();
    let tags: Vec<&str> = parts.iter().map(|part| part.etag.as_str()).collect();
    assert_eq!(tags, ["one", "two", "three", "unused"]);
    assert_eq!(fixture.objects.parts("u1", 1, 1).await.unwrap()[0].etag, "two");
    let stored = fixture.objects.upload("u1").await.unwrap().unwrap();
    let extents: Vec<_> = parts[..3].iter().flat_map(|part| part.extents.clone()).collect();
    let object = ObjectEntry {
        kind: ObjectKind::Multipart,
        size: 11,
        extents,
        ..entry(ObjectKind::Multipart, &fixture.data(b"").await)
    };
    let complete =
        |at| vec![put("k", None, object.clone()), ObjectChange::DeleteUpload { upload: "u1".to_owned(), at }];
    assert!(is_conflict(fixture.commit(complete(Revision(1)), vec![]).await));
    fixture.commit(complete(stored.revision), vec![]).await.unwrap();
    assert_eq!(fixture.content("k").await, b"onetwothree");
    assert_eq!(fixture.objects.upload("u1").await.unwrap(), None);
    assert!(fixture.objects.parts("u1", 0, 9).await.unwrap().is_empty());
    fixture.wait_for_files(3).await;
    let late = PartEntry { extents: vec![], ..parts[0].clone() };
    let late =
        fixture.commit(vec![ObjectChange::PutPart { upload: "u1".to_owned(), part: late }], vec![]).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
}

async fn listed(fixture: &Fixture, query: ListQuery) -> (Vec<String>, bool) {
    let page = fixture.objects.list_objects("bkt", &query).await.unwrap();
    let name = |entry| match entry {
        ListEntry::Item(object) => kulkul_store::objects::ObjectSummary::clone(&object).key,
        ListEntry::Folded(prefix) => format!("[{prefix}]"),
    };
    (page.entries.into_iter().map(name).collect(), page.truncated)
}

#[tokio::test]
async fn lists_are_sorted_folded_and_cut_into_pages() {
    let fixture = Fixture::new().await;
    let keys = ["a", "a/1", "a/2", "a/b/3", "a0", "b/", "b/x", "c--d--e", "z", "ü/1", "😀", "tab\there"];
    for key in keys {
        fixture.put(key, None, b"x").await.unwrap();
    }
    let query = |prefix: &str, delimiter: &str, after: &str, max| ListQuery {
        prefix: prefix.to_owned(),
        delimiter: delimiter.to_owned(),
        after: after.to_owned(),
        max,
    };
    let table: [(ListQuery, &[&str], bool); 13] = [
        (
            query("", "", "", 100),
            &["a", "a/1", "a/2", "a/b/3", "a0", "b/", "b/x", "c--d--e", "tab\there", "z", "ü/1", "😀"],
            false,
        ),
        (
            query("", "/", "", 100),
            &["a", "[a/]", "a0", "[b/]", "c--d--e", "tab\there", "z", "[ü/]", "😀"],
            false,
        ),
        (query("a/", "/", "", 100), &["a/1", "a/2", "[a/b/]"], false),
        (query("a/", "", "", 2), &["a/1", "a/2"], true),
        (query("a/", "/", "a/2", 100), &["[a/b/]"], false),
        (query("", "/", "a/", 2), &["a0", "[b/]"], true),
        (query("", "/", "a/1", 2), &["[a/]", "a0"], true),
        (query("", "--", "c", 1), &["[c--]"], true),
        (query("", "", "a", 1), &["a/1"], true),
        (query("ü", "/", "", 1), &["[ü/]"], false),
        (query("b/", "/", "", 1), &["b/"], true),
        (query("b/", "/", "b/", 1), &["b/x"], false),
        (query("nothing", "/", "", 1), &[], false),
    ];
    for (query, expected, truncated) in table {
        let seen = listed(&fixture, query.clone()).await;
        assert_eq!(seen, (expected.iter().map(|key| key.to_string()).collect(), truncated), "{query:?}");
    }
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_id() {
    let fixture = Fixture::new().await;
    for (id, key) in [("u3", "a"), ("u1", "a"), ("u2", "a"), ("u0", "b/1"), ("u9", "b/2"), ("u5", "c")] {
        fixture.commit(vec![ObjectChange::CreateUpload(upload(id, key))], vec![]).await.unwrap();
    }
    let list = async |delimiter: &str, after: &str, after_id: Option<&str>, max| {
        let query =
            ListQuery { delimiter: delimiter.into(), after: after.into(), max, ..ListQuery::default() };
        let page = fixture.objects.list_uploads("bkt", &query, after_id).await.unwrap();
        let name = |entry| match entry {
            ListEntry::Item(upload) => UploadEntry::clone(&upload).id,
            ListEntry::Folded(prefix) => prefix,
        };
        (page.entries.into_iter().map(name).collect::<Vec<_>>(), page.truncated)
    };
    let owned = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
    assert_eq!(list("", "", None, 9).await, (owned(&["u1", "u2", "u3", "u0", "u9", "u5"]), false));
    assert_eq!(list("", "a", None, 9).await, (owned(&["u0", "u9", "u5"]), false));
    assert_eq!(list("", "a", Some("u1"), 2).await, (owned(&["u2", "u3"]), true));
    assert_eq!(list("/", "a", Some("u3"), 9).await, (owned(&["b/", "u5"]), false));
    let old = fixture.objects.uploads_before(Timestamp::from_millis(10), 2).await.unwrap();
    assert_eq!(old.len(), 2);
    assert!(fixture.objects.uploads_before(Timestamp::from_millis(9), 2).await.unwrap().is_empty());
}
