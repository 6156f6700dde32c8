//! Documents.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::given::reopened;
use super::{Engine, Store};
use crate::{Key, Metadata, StoreError};

/// Whatever is in it.
pub async fn a_document_reads_back_as_it_was_created(engine: &dyn Engine) {
    let store = engine.open().await;
    for (key, value) in [("a/ü/🐈", &b"\x00\xff"[..]), ("empty", b""), ("a%_", b"{}")] {
        let (key, value) = (Key::from(key), Bytes::copy_from_slice(value));
        assert_eq!(store.metadata.get(&key).await.unwrap(), None);
        let revision = store.metadata.create(&key, value.clone()).await.unwrap();
        let document = store.metadata.get(&key).await.unwrap().unwrap();
        assert_eq!((document.key, document.value, document.revision), (key, value, revision));
    }
}

/// And leaves it as it was.
pub async fn creating_what_is_there_is_a_conflict(engine: &dyn Engine) {
    let store = engine.open().await;
    let key = Key::from("a");
    let revision = store.metadata.create(&key, text("1")).await.unwrap();
    expect_conflict("a", store.metadata.create(&key, text("2")).await);
    let document = store.metadata.get(&key).await.unwrap().unwrap();
    assert_eq!((document.value, document.revision), (text("1"), revision));
}

/// Neither an old one nor that of a document which is gone.
pub async fn replacing_needs_the_present_revision(engine: &dyn Engine) {
    let store = engine.open().await;
    let key = Key::from("a");
    let first = store.metadata.create(&key, text("1")).await.unwrap();
    let second = store.metadata.replace(&key, first, text("2")).await.unwrap();
    assert_ne!(first, second);
    expect_conflict("a", store.metadata.replace(&key, first, text("3")).await);
    assert_eq!(store.metadata.get(&key).await.unwrap().unwrap().value, text("2"));
    assert!(store.metadata.delete(&key, None).await.unwrap());
    expect_conflict("a", store.metadata.replace(&key, second, text("4")).await);
    assert_eq!(store.metadata.get(&key).await.unwrap(), None);
}

/// Without one, the document goes in any state.
pub async fn deleting_heeds_the_revision_when_given(engine: &dyn Engine) {
    let store = engine.open().await;
    let key = Key::from("a");
    assert!(!store.metadata.delete(&key, None).await.unwrap());
    let first = store.metadata.create(&key, text("1")).await.unwrap();
    let second = store.metadata.replace(&key, first, text("2")).await.unwrap();
    expect_conflict("a", store.metadata.delete(&key, Some(first)).await);
    assert!(store.metadata.delete(&key, Some(second)).await.unwrap());
    assert!(!store.metadata.delete(&key, Some(second)).await.unwrap());
    store.metadata.create(&key, text("3")).await.unwrap();
    assert!(store.metadata.delete(&key, None).await.unwrap());
}

/// Not even to a document that was deleted and created again, before or after reopening.
pub async fn a_revision_is_never_given_out_twice(engine: &dyn Engine) {
    let mut store = engine.open().await;
    let key = Key::from("a");
    let mut revisions = Vec::new();
    for round in 0..6 {
        revisions.push(store.metadata.create(&key, text("same")).await.unwrap().0);
        assert!(store.metadata.delete(&key, None).await.unwrap());
        if round == 2 {
            store = reopened(engine).await;
        }
    }
    assert_eq!(revisions.iter().collect::<BTreeSet<_>>().len(), 6, "{revisions:?}");
}

/// Keys are compared by their bytes.
pub async fn listing_goes_by_key_and_in_pages(engine: &dyn Engine) {
    let store = engine.open().await;
    for key in ["b/2", "b/10", "a/1", "b", "b/ä", "b0", "b/1"] {
        store.metadata.create(&key.into(), text(key)).await.unwrap();
    }
    assert_eq!(keys(&store, "b/", None, 99).await, ["b/1", "b/10", "b/2", "b/ä"]);
    assert_eq!(keys(&store, "b/", None, 2).await, ["b/1", "b/10"]);
    assert_eq!(keys(&store, "b/", Some("b/10"), 99).await, ["b/2", "b/ä"]);
    assert_eq!(keys(&store, "b/", Some("b/11"), 1).await, ["b/2"]);
    assert_eq!(keys(&store, "b/", Some("a"), 99).await, ["b/1", "b/10", "b/2", "b/ä"]);
    assert_eq!(keys(&store, "b/", Some("c"), 99).await, [""; 0]);
    assert_eq!(keys(&store, "b/", None, 0).await, [""; 0]);
    assert_eq!(keys(&store, "", None, 99).await, ["a/1", "b", "b/1", "b/10", "b/2", "b/ä", "b0"]);
    let documents = store.metadata.list("a", None, 1).await.unwrap();
    assert_eq!(documents[0].value, text("a/1"));
}

/// However many there are.
pub async fn all_documents_of_a_prefix_are_read(engine: &dyn Engine) {
    let store = engine.open().await;
    let key = |n: usize| Key::from(format!("a/{n:04}"));
    let created = join_all((0..2000).map(|n| store.metadata.create(&key(n), text("")))).await;
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    store.metadata.create(&"b".into(), text("")).await.unwrap();
    for (prefix, expected) in [("a/", 2000), ("a/00", 100), ("a/1999", 1), ("c", 0)] {
        let documents = store.metadata.documents(prefix).await.unwrap();
        assert_eq!(documents.len(), expected, "{prefix}");
        assert!(documents.is_sorted_by(|a, b| a.key < b.key), "{prefix}");
    }
}

/// As often as one likes.
pub async fn a_put_creates_a_document_or_replaces_it(engine: &dyn Engine) {
    let store = engine.open().await;
    let key = Key::from("a");
    for value in ["1", "2"] {
        let revision = store.metadata.put(&key, text(value)).await.unwrap();
        let document = store.metadata.get(&key).await.unwrap().unwrap();
        assert_eq!((document.value, document.revision), (text(value), revision));
    }
}

/// It is no pattern.
pub async fn a_prefix_is_taken_literally(engine: &dyn Engine) {
    let store = engine.open().await;
    for key in ["a%/1", "ab/1", "a_/1", "A%/1", "a\u{10ffff}z"] {
        store.metadata.create(&key.into(), text("")).await.unwrap();
    }
    assert_eq!(keys(&store, "a%", None, 9).await, ["a%/1"]);
    assert_eq!(keys(&store, "a_", None, 9).await, ["a_/1"]);
    assert_eq!(keys(&store, "a\u{10ffff}", None, 9).await, ["a\u{10ffff}z"]);
}

/// With their revisions.
pub async fn documents_survive_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    let (a, b) = (Key::from("a"), Key::from("b"));
    let revision = store.metadata.create(&a, text("1")).await.unwrap();
    let revision = store.metadata.replace(&a, revision, text("2")).await.unwrap();
    store.metadata.create(&b, text("3")).await.unwrap();
    store.metadata.delete(&b, None).await.unwrap();
    let store = reopened(engine).await;
    assert_eq!(keys(&store, "", None, 9).await, ["a"]);
    assert_eq!(store.metadata.get(&a).await.unwrap().unwrap().value, text("2"));
    store.metadata.replace(&a, revision, text("4")).await.unwrap();
}

/// The others get a conflict.
pub async fn one_of_many_concurrent_creations_wins(engine: &dyn Engine) {
    let store = engine.open().await;
    let tasks: Vec<_> = (0..20)
        .map(|n: u32| {
            let metadata = Arc::clone(&store.metadata);
            tokio::spawn(async move { (n, metadata.create(&"a".into(), text(&n.to_string())).await) })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (n, Ok(_)) => winners.push(n),
            (_, outcome) => expect_conflict("a", outcome),
        }
    }
    let stored = store.metadata.get(&"a".into()).await.unwrap().unwrap().value;
    assert_eq!(winners.iter().map(|n| text(&n.to_string())).collect::<Vec<_>>(), [stored]);
}

/// When each reads, replaces, and reads again after a conflict.
pub async fn concurrent_replacements_lose_nothing(engine: &dyn Engine) {
    let store = engine.open().await;
    store.metadata.create(&"count".into(), text("0")).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let metadata = Arc::clone(&store.metadata);
            tokio::spawn(async move {
                for _ in 0..10 {
                    increment(&*metadata, &"count".into()).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.metadata.get(&"count".into()).await.unwrap().unwrap().value, text("80"));
}

async fn increment(metadata: &dyn Metadata, key: &Key) {
    loop {
        let document = metadata.get(key).await.unwrap().unwrap();
        let count: u32 = std::str::from_utf8(&document.value).unwrap().parse().unwrap();
        match metadata.replace(key, document.revision, text(&(count + 1).to_string())).await {
            Err(StoreError::Conflict { .. }) => {}
            outcome => {
                outcome.unwrap();
                return;
            }
        }
    }
}

/// A value.
pub(super) fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn keys(store: &Store, prefix: &str, after: Option<&str>, max: usize) -> Vec<String> {
    let after = after.map(Key::from);
    let documents = store.metadata.list(prefix, after.as_ref(), max).await.unwrap();
    documents.into_iter().map(|document| document.key.to_string()).collect()
}

fn expect_conflict<T: std::fmt::Debug>(expected: &str, outcome: Result<T, StoreError>) {
    match outcome {
        Err(StoreError::Conflict { key }) => assert_eq!(key, expected),
        other => panic!("{other:?} is no conflict"),
    }
}
