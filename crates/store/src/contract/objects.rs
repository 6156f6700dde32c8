//! Buckets, objects, uploads and their bytes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::given::{at, record, reopened};
use super::{Engine, Store};
use crate::objects::{
    BucketEntry, Found, ListEntry, ListQuery, NewData, ObjectChange, ObjectCommit, ObjectEntry, ObjectKind,
    ObjectSummary, Objects, PartEntry, StoredObject, UploadEntry,
};
use crate::{EventLog, Revision, Seq, StoreError};

/// A store with the bucket `bkt`.
struct Given {
    objects: Arc<dyn Objects>,
    log: Arc<dyn EventLog>,
}

impl Given {
    async fn new(engine: &dyn Engine) -> Self {
        let given = Self::of(engine.open().await);
        given.commit(vec![ObjectChange::CreateBucket(bucket("bkt"))], vec![]).await.unwrap();
        given
    }

    async fn reopened(engine: &dyn Engine) -> Self {
        Self::of(reopened(engine).await)
    }

    fn of(store: Store) -> Self {
        Self { objects: store.objects, log: store.log }
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

    async fn read(&self, object: &StoredObject, range: Range<u64>) -> Vec<u8> {
        let mut stream = self.objects.read(&object.entry.extents, range).await.unwrap();
        let mut all = Vec::new();
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece.unwrap());
        }
        all
    }
}

fn bucket(name: &str) -> BucketEntry {
    BucketEntry { name: name.to_owned(), created_at: at(5), attributes: Bytes::new() }
}

fn entry(kind: ObjectKind, data: &NewData) -> ObjectEntry {
    ObjectEntry {
        kind,
        size: data.length(),
        etag: "E".to_owned(),
        crc64: u64::MAX - 1,
        modified_at: at(7),
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

fn upload(id: &str, key: &str) -> UploadEntry {
    UploadEntry {
        id: id.to_owned(),
        bucket: "bkt".to_owned(),
        key: key.to_owned(),
        created_at: at(9),
        storage_class: "Standard".to_owned(),
        attributes: Bytes::new(),
    }
}

async fn listed(given: &Given, query: ListQuery) -> (Vec<String>, bool) {
    let page = given.objects.list_objects("bkt", &query).await.unwrap();
    let name = |entry: ListEntry<ObjectSummary>| match entry {
        ListEntry::Item(object) => object.key,
        ListEntry::Folded(prefix) => format!("[{prefix}]"),
    };
    (page.entries.into_iter().map(name).collect(), page.truncated)
}

/// Of any size.
pub async fn an_object_is_what_was_written_also_after_reopening(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    given.put("large", None, &large).await.unwrap();
    given.put("empty", None, b"").await.unwrap();
    let given = Given::reopened(engine).await;
    assert_eq!(given.content("large").await, large);
    assert_eq!(given.content("empty").await, b"");
    let object = given.find("large").await.unwrap();
    assert_eq!(object.entry.crc64, u64::MAX - 1);
    assert_eq!(given.read(&object, 299_999..2_800_001).await, large[299_999..2_800_001]);
    assert_eq!(given.read(&object, 5..5).await, b"");
}

/// Also when the key was deleted and written anew.
pub async fn a_change_on_older_knowledge_is_a_conflict(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    given.put("k", None, b"one").await.unwrap();
    let first = given.find("k").await.unwrap().revision;
    assert!(is_conflict(given.put("k", None, b"two").await));
    given.put("k", Some(first), b"three").await.unwrap();
    assert!(is_conflict(given.put("k", Some(first), b"four").await));
    assert!(is_conflict(given.commit(vec![delete("k", first)], vec![]).await));
    assert_eq!(given.content("k").await, b"three");
    let second = given.find("k").await.unwrap().revision;
    given.commit(vec![delete("k", second)], vec![]).await.unwrap();
    assert!(given.find("k").await.is_none());
    assert!(is_conflict(given.put("k", Some(second), b"five").await), "deleted meanwhile");
}

/// Nothing speaks of a change that was refused.
pub async fn a_change_and_its_records_are_stored_together_or_not_at_all(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let log = &given.log;
    let data = given.data(b"one").await;
    let change = put("k", None, entry(ObjectKind::Normal, &data));
    let commit =
        |records| ObjectCommit { changes: vec![change.clone()], new_data: vec![data.clone()], records };
    let seqs = given.objects.commit(commit(vec![record("1"), record("2")])).await.unwrap();
    assert_eq!(log.read(seqs[1]).await.unwrap().unwrap().key.id, "2");
    let refused = given.objects.commit(ObjectCommit { new_data: vec![], ..commit(vec![record("3")]) }).await;
    assert!(is_conflict(refused.map(drop)));
    let data = given.data(b"x").await;
    let change = put("other", None, entry(ObjectKind::Normal, &data));
    let seqs = given
        .objects
        .commit(ObjectCommit { changes: vec![change], new_data: vec![data], records: vec![record("4")] })
        .await
        .unwrap();
    assert_eq!(log.read(seqs[0]).await.unwrap().unwrap().key.id, "4");
    let ids: Vec<String> = {
        let mut ids = Vec::new();
        for seq in 1..=seqs[0].0 {
            ids.extend(log.read(Seq(seq)).await.unwrap().map(|record| record.key.id));
        }
        ids
    };
    assert_eq!(ids, ["1", "2", "4"], "nothing speaks of the change that was refused");
}

/// Whatever becomes of the object meanwhile.
pub async fn a_reader_sees_the_old_bytes_to_their_end(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let old = vec![1; 2_000_000];
    given.put("k", None, &old).await.unwrap();
    let object = given.find("k").await.unwrap();
    let mut stream = given.objects.read(&object.entry.extents, 0..object.entry.size).await.unwrap();
    given.put("k", Some(object.revision), b"new").await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(all, old);
}

/// And no longer.
pub async fn a_copy_shares_the_bytes_until_the_last_one_goes(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    given.put("a", None, b"shared").await.unwrap();
    let source = given.find("a").await.unwrap();
    given.commit(vec![put("b", None, source.entry.clone())], vec![]).await.unwrap();
    given.commit(vec![delete("a", source.revision)], vec![]).await.unwrap();
    assert_eq!(given.content("b").await, b"shared");
    let copy = given.find("b").await.unwrap();
    let mut same = copy.entry.clone();
    same.attributes = Bytes::from_static(b"new");
    given.commit(vec![put("b", Some(copy.revision), same)], vec![]).await.unwrap();
    assert_eq!(given.content("b").await, b"shared");
    let copy = given.find("b").await.unwrap();
    given.commit(vec![delete("b", copy.revision)], vec![]).await.unwrap();
    let too_late = given.commit(vec![put("c", None, source.entry)], vec![]).await;
    assert!(is_conflict(too_late), "the bytes are gone");
}

/// And nobody writes over its bytes.
pub async fn one_of_several_appends_at_once_wins(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let data = given.data(b"one").await;
    given.commit(vec![put("log", None, entry(ObjectKind::Appendable, &data))], vec![data]).await.unwrap();
    let object = given.find("log").await.unwrap();
    let append = async |object: &StoredObject, bytes: &[u8]| {
        let tail = given.data(bytes).await;
        let mut entry = object.entry.clone();
        entry.size += tail.length();
        let (bucket, key) = ("bkt".to_owned(), "log".to_owned());
        let change = ObjectChange::Append { bucket, key, at: object.revision, entry, tail };
        given.commit(vec![change], vec![]).await
    };
    let racers = (0..20_u8).map(|number| append(&object, Box::leak(Box::new([number; 5]))));
    let outcomes = join_all(racers).await;
    let winners: Vec<_> = (0..20_u8).filter(|&number| outcomes[usize::from(number)].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(given.content("log").await, [b"one".as_slice(), &[winners[0]; 5]].concat());
    let object = given.find("log").await.unwrap();
    append(&object, b"end").await.unwrap();
    let whole = [b"one".as_slice(), &[winners[0]; 5], b"end"].concat();
    let given = Given::reopened(engine).await;
    assert_eq!(given.content("log").await, whole);
    assert_eq!(given.find("log").await.unwrap().entry.extents.len(), 1);
}

/// It had none to add to.
pub async fn an_empty_appendable_object_takes_its_first_bytes(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let data = given.data(b"").await;
    given.commit(vec![put("log", None, entry(ObjectKind::Appendable, &data))], vec![data]).await.unwrap();
    let object = given.find("log").await.unwrap();
    let tail = given.data(b"first").await;
    let entry = ObjectEntry { size: 5, ..object.entry };
    let (bucket, key) = ("bkt".to_owned(), "log".to_owned());
    let change = ObjectChange::Append { bucket, key, at: object.revision, entry, tail };
    given.commit(vec![change], vec![]).await.unwrap();
    assert_eq!(given.content("log").await, b"first");
}

/// Neither objects nor uploads may be left.
pub async fn a_bucket_with_anything_in_it_cannot_be_deleted(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let delete_bucket = || vec![ObjectChange::DeleteBucket { name: "bkt".to_owned() }];
    assert!(is_conflict(given.commit(vec![ObjectChange::CreateBucket(bucket("bkt"))], vec![]).await));
    given.put("k", None, b"x").await.unwrap();
    given.commit(vec![ObjectChange::CreateUpload(upload("u1", "k"))], vec![]).await.unwrap();
    let stats = given.objects.bucket_stats("bkt").await.unwrap();
    assert_eq!((stats.object_count, stats.object_bytes, stats.upload_count), (1, 1, 1));
    assert!(is_conflict(given.commit(delete_bucket(), vec![]).await));
    let at = given.find("k").await.unwrap().revision;
    given.commit(vec![delete("k", at)], vec![]).await.unwrap();
    assert!(is_conflict(given.commit(delete_bucket(), vec![]).await));
    let at = given.objects.upload("u1").await.unwrap().unwrap().revision;
    given.commit(vec![ObjectChange::DeleteUpload { upload: "u1".to_owned(), at }], vec![]).await.unwrap();
    given.commit(delete_bucket(), vec![]).await.unwrap();
    assert!(is_conflict(given.commit(delete_bucket(), vec![]).await));
    assert_eq!(given.objects.object("bkt", "k").await.unwrap(), Found::NoBucket);
    let late = given.put("k", None, b"x").await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
}

/// Those that were named, in their order.
pub async fn parts_become_an_object(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    given.commit(vec![ObjectChange::CreateUpload(upload("u1", "k"))], vec![]).await.unwrap();
    for (number, bytes) in [(3, "three"), (1, "one"), (2, "replaced"), (2, "two"), (9, "unused")] {
        let data = given.data(bytes.as_bytes()).await;
        let part = PartEntry {
            number,
            size: data.length(),
            etag: bytes.to_owned(),
            crc64: 1 << 63,
            modified_at: at(8),
            extents: data.extents(),
        };
        let change = ObjectChange::PutPart { upload: "u1".to_owned(), part };
        given.commit(vec![change], vec![data]).await.unwrap();
    }
    let given = Given::reopened(engine).await;
    let parts = given.objects.parts("u1", 0, 1000).await.unwrap();
    let tags: Vec<&str> = parts.iter().map(|part| part.etag.as_str()).collect();
    assert_eq!(tags, ["one", "two", "three", "unused"]);
    assert_eq!(given.objects.parts("u1", 1, 1).await.unwrap()[0].etag, "two");
    let stored = given.objects.upload("u1").await.unwrap().unwrap();
    let extents: Vec<_> = parts[..3].iter().flat_map(|part| part.extents.clone()).collect();
    let object = ObjectEntry {
        kind: ObjectKind::Multipart,
        size: 11,
        extents,
        ..entry(ObjectKind::Multipart, &given.data(b"").await)
    };
    let complete =
        |at| vec![put("k", None, object.clone()), ObjectChange::DeleteUpload { upload: "u1".to_owned(), at }];
    assert!(is_conflict(given.commit(complete(Revision(1)), vec![]).await));
    given.commit(complete(stored.revision), vec![]).await.unwrap();
    assert_eq!(given.content("k").await, b"onetwothree");
    assert_eq!(given.objects.upload("u1").await.unwrap(), None);
    assert!(given.objects.parts("u1", 0, 9).await.unwrap().is_empty());
    let late = PartEntry { extents: vec![], ..parts[0].clone() };
    let late =
        given.commit(vec![ObjectChange::PutPart { upload: "u1".to_owned(), part: late }], vec![]).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
}

/// In the order of the bytes of the keys.
pub async fn lists_are_sorted_folded_and_cut_into_pages(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    let keys = ["a", "a/1", "a/2", "a/b/3", "a0", "b/", "b/x", "c--d--e", "z", "ü/1", "😀", "tab\there"];
    for key in keys {
        given.put(key, None, b"x").await.unwrap();
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
        let seen = listed(&given, query.clone()).await;
        assert_eq!(seen, (expected.iter().map(|key| key.to_string()).collect(), truncated), "{query:?}");
    }
}

/// And continued by both.
pub async fn uploads_are_listed_by_key_and_id(engine: &dyn Engine) {
    let given = Given::new(engine).await;
    for (id, key) in [("u3", "a"), ("u1", "a"), ("u2", "a"), ("u0", "b/1"), ("u9", "b/2"), ("u5", "c")] {
        given.commit(vec![ObjectChange::CreateUpload(upload(id, key))], vec![]).await.unwrap();
    }
    let list = async |delimiter: &str, after: &str, after_id: Option<&str>, max| {
        let query =
            ListQuery { delimiter: delimiter.into(), after: after.into(), max, ..ListQuery::default() };
        let page = given.objects.list_uploads("bkt", &query, after_id).await.unwrap();
        let name = |entry: ListEntry<UploadEntry>| match entry {
            ListEntry::Item(upload) => upload.id,
            ListEntry::Folded(prefix) => prefix,
        };
        (page.entries.into_iter().map(name).collect::<Vec<_>>(), page.truncated)
    };
    let owned = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
    assert_eq!(list("", "", None, 9).await, (owned(&["u1", "u2", "u3", "u0", "u9", "u5"]), false));
    assert_eq!(list("", "a", None, 9).await, (owned(&["u0", "u9", "u5"]), false));
    assert_eq!(list("", "a", Some("u1"), 2).await, (owned(&["u2", "u3"]), true));
    assert_eq!(list("/", "a", Some("u3"), 9).await, (owned(&["b/", "u5"]), false));
    let old = given.objects.uploads_before(at(10), 2).await.unwrap();
    assert_eq!(old.len(), 2);
    assert!(given.objects.uploads_before(at(9), 2).await.unwrap().is_empty());
}
