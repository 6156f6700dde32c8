//! The files of objects: which are there, and which go.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use kulkul_model::Timestamp;
use kulkul_store::objects::{
    BucketEntry, Found, NewData, ObjectChange, ObjectCommit, ObjectEntry, ObjectKind, Objects, PartEntry,
    StoredObject, UploadEntry,
};
use kulkul_store::{Revision, StoreError};
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

/// The files that have bytes; those made beforehand have none.
fn files(dir: &Path) -> BTreeSet<String> {
    let shelves = std::fs::read_dir(dir.join("objects")).unwrap().map(|shelf| shelf.unwrap().path());
    let files = shelves.flat_map(|shelf| std::fs::read_dir(shelf).unwrap()).map(Result::unwrap);
    // One that has just gone has none either.
    let full = files.filter(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 0));
    full.map(|file| file.file_name().into_string().unwrap()).collect()
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

fn is_conflict(result: Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict { .. }))
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
    let shelf = fixture.dir.path().join("objects/0");
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
