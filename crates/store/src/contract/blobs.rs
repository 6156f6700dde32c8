//! Content by digest.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Engine;
use super::given::reopened;
use crate::{Digest, StoreError};

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Which is its SHA-256.
pub async fn a_blob_is_named_by_its_digest(engine: &dyn Engine) {
    let store = engine.open().await;
    let digest = store.blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(digest.to_string(), ABC);
    assert_eq!(store.blobs.get(&digest).await.unwrap(), &b"abc"[..]);
}

/// As any other.
pub async fn an_empty_blob_is_a_blob(engine: &dyn Engine) {
    let store = engine.open().await;
    let digest = store.blobs.put(Bytes::new()).await.unwrap();
    assert_eq!(digest.to_string(), EMPTY);
    assert_eq!(store.blobs.get(&digest).await.unwrap(), Bytes::new());
}

/// Also when it happens at once.
pub async fn storing_twice_is_one_blob(engine: &dyn Engine) {
    let store = engine.open().await;
    let content = Bytes::from(vec![7; 300_000]);
    let (a, b) = (store.blobs.put(content.clone()), store.blobs.put(content.clone()));
    let (a, b) = tokio::join!(a, b);
    assert_eq!(a.unwrap(), b.unwrap());
    let digest = store.blobs.put(content.clone()).await.unwrap();
    assert_eq!(store.blobs.list().await.unwrap(), [digest]);
    assert!(store.blobs.get(&digest).await.unwrap() == content);
}

/// And the error says which.
pub async fn a_blob_that_never_was_is_not_found(engine: &dyn Engine) {
    let store = engine.open().await;
    let digest: Digest = ABC.parse().unwrap();
    match store.blobs.get(&digest).await {
        Err(StoreError::NotFound { key }) => assert_eq!(key, ABC),
        other => panic!("{other:?}"),
    }
    assert!(!store.blobs.delete(&digest).await.unwrap());
    assert_eq!(store.blobs.list().await.unwrap(), []);
}

/// And can be stored again.
pub async fn a_deleted_blob_is_gone(engine: &dyn Engine) {
    let store = engine.open().await;
    let content = Bytes::from_static(b"abc");
    let digest = store.blobs.put(content.clone()).await.unwrap();
    assert!(store.blobs.delete(&digest).await.unwrap());
    assert!(!store.blobs.delete(&digest).await.unwrap());
    store.blobs.get(&digest).await.unwrap_err();
    store.blobs.put(content.clone()).await.unwrap();
    assert_eq!(store.blobs.get(&digest).await.unwrap(), content);
}

/// All of them.
pub async fn blobs_survive_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut digests = BTreeSet::new();
    for n in 0..20 {
        digests.insert(store.blobs.put(Bytes::from(format!("blob {n}"))).await.unwrap());
    }
    let store = reopened(engine).await;
    let listed: BTreeSet<Digest> = store.blobs.list().await.unwrap().into_iter().collect();
    assert_eq!(listed, digests);
    for digest in digests {
        assert!(store.blobs.get(&digest).await.unwrap().starts_with(b"blob "));
    }
}
