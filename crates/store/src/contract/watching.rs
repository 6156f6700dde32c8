//! Watching documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::Engine;
use super::given::soon;
use super::metadata::text;
use crate::{Change, Key, Watch};

/// All of it, then the mark that says so.
pub async fn a_watch_begins_with_what_is_there(engine: &dyn Engine) {
    let store = engine.open().await;
    for key in ["rule/1", "rule/2", "bus/1"] {
        store.metadata.create(&key.into(), text(key)).await.unwrap();
    }
    let mut watch = store.metadata.watch("rule/").await.unwrap();
    let mut present = vec![next(&mut watch).await, next(&mut watch).await];
    present.sort();
    assert_eq!(present, ["put rule/1 rule/1", "put rule/2 rule/2"]);
    assert_eq!(next(&mut watch).await, "current");
    let mut empty = store.metadata.watch("function/").await.unwrap();
    assert_eq!(next(&mut empty).await, "current");
}

/// With the revisions that the writers got.
pub async fn changes_follow_in_order(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut watch = store.metadata.watch("").await.unwrap();
    let key = "a".into();
    let first = store.metadata.create(&key, text("1")).await.unwrap();
    let second = store.metadata.replace(&key, first, text("2")).await.unwrap();
    store.metadata.delete(&key, None).await.unwrap();
    store.metadata.create(&key, text("3")).await.unwrap();
    let mut changes = Vec::new();
    while changes.len() < 5 {
        changes.push(soon("a change", watch.recv()).await.unwrap());
    }
    let shown: Vec<_> = changes.iter().map(show).collect();
    assert_eq!(shown, ["current", "put a 1", "put a 2", "deleted a", "put a 3"]);
    let Change::Put(document) = &changes[2] else { panic!("a put") };
    assert_eq!(document.revision, second);
}

/// What fails changes nothing, either.
pub async fn a_watch_tells_of_its_prefix_only(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut watch = store.metadata.watch("rule/").await.unwrap();
    let mut other = store.metadata.watch("rule").await.unwrap();
    for key in ["rul", "rules", "bus/1", "rule/1"] {
        store.metadata.create(&key.into(), text("")).await.unwrap();
    }
    store.metadata.create(&"rule/1".into(), text("again")).await.unwrap_err();
    store.metadata.delete(&"rules".into(), None).await.unwrap();
    store.metadata.delete(&"rule/1".into(), None).await.unwrap();
    for expected in ["current", "put rule/1 ", "deleted rule/1"] {
        assert_eq!(next(&mut watch).await, expected);
    }
    for expected in ["current", "put rules ", "put rule/1 ", "deleted rules", "deleted rule/1"] {
        assert_eq!(next(&mut other).await, expected);
    }
}

/// Nor does it tell anything twice.
pub async fn a_watch_misses_nothing_that_happens_while_it_begins(engine: &dyn Engine) {
    let store = engine.open().await;
    let metadata = Arc::clone(&store.metadata);
    let writer = tokio::spawn(async move {
        for n in 0..200 {
            metadata.create(&format!("k/{n}").as_str().into(), text("")).await.unwrap();
        }
    });
    let mut watches = Vec::new();
    while !writer.is_finished() {
        watches.push(store.metadata.watch("k/").await.unwrap());
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    for mut watch in watches {
        let mut told = BTreeMap::<String, u32>::new();
        while told.len() < 200 {
            match soon("a change", watch.recv()).await.unwrap() {
                Change::Put(document) => *told.entry(document.key.to_string()).or_default() += 1,
                Change::Current => {}
                Change::Deleted(key) => panic!("{key} was not deleted"),
            }
        }
        assert!(told.values().all(|&times| times == 1));
    }
}

/// It ends; nobody waits for it, and a new one tells all.
pub async fn a_slow_watcher_loses_its_stream(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut slow = store.metadata.watch("").await.unwrap();
    // An engine may keep some changes for a slow reader, but not without end.
    for round in 0..1000 {
        let keys: Vec<Key> = (0..64).map(|n| format!("{round}/{n}").into()).collect();
        let created = join_all(keys.iter().map(|key| store.metadata.create(key, Bytes::new()))).await;
        created.into_iter().for_each(|outcome| assert!(outcome.is_ok()));
        if slow.is_closed() {
            break;
        }
    }
    let mut told = 0;
    while soon("the end of the stream", slow.recv()).await.is_some() {
        told += 1;
    }
    assert!(told > 1, "what was kept is told first");
    let mut anew = store.metadata.watch("").await.unwrap();
    let mut present = 0;
    while soon("a change", anew.recv()).await != Some(Change::Current) {
        present += 1;
    }
    assert!(present > told - 1, "{present} documents, of which {told} were told");
}

/// So that its reader learns of it.
pub async fn a_watch_ends_with_the_engine(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut watch = store.metadata.watch("").await.unwrap();
    assert_eq!(next(&mut watch).await, "current");
    engine.close().await;
    assert_eq!(soon("the end of the stream", watch.recv()).await, None);
}

async fn next(watch: &mut Watch) -> String {
    show(&soon("a change", watch.recv()).await.expect("the stream goes on"))
}

fn show(change: &Change) -> String {
    match change {
        Change::Put(document) => {
            format!("put {} {}", document.key, String::from_utf8_lossy(&document.value))
        }
        Change::Deleted(key) => format!("deleted {key}"),
        Change::Current => "current".to_owned(),
    }
}
