//! A metadata store in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use kulkul_store::{Document, Key, Metadata, Revision, StoreError, StoreFuture, Watch};

#[derive(Default)]
pub(crate) struct MemoryStore {
    documents: Mutex<BTreeMap<String, (Bytes, u64)>>,
}

impl MemoryStore {
    fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut BTreeMap<String, (Bytes, u64)>) -> Result<T, StoreError>,
    ) -> StoreFuture<'_, T> {
        let done = act(&mut self.documents.lock().unwrap());
        Box::pin(std::future::ready(done))
    }
}

impl Metadata for MemoryStore {
    fn get(&self, key: &Key) -> StoreFuture<'_, Option<Document>> {
        self.with(|all| {
            Ok(all.get(&*key.0).map(|(value, revision)| Document {
                key: key.clone(),
                value: value.clone(),
                revision: Revision(*revision),
            }))
        })
    }

    fn create(&self, key: &Key, value: Bytes) -> StoreFuture<'_, Revision> {
        self.with(|all| match all.contains_key(&*key.0) {
            true => Err(StoreError::Conflict { key: key.to_string() }),
            false => {
                all.insert(key.to_string(), (value, 1));
                Ok(Revision(1))
            }
        })
    }

    fn replace(&self, key: &Key, at: Revision, value: Bytes) -> StoreFuture<'_, Revision> {
        self.with(|all| match all.get_mut(&*key.0) {
            Some(found) if found.1 == at.0 => {
                *found = (value, at.0 + 1);
                Ok(Revision(at.0 + 1))
            }
            _ => Err(StoreError::Conflict { key: key.to_string() }),
        })
    }

    fn delete(&self, key: &Key, _at: Option<Revision>) -> StoreFuture<'_, bool> {
        self.with(|all| Ok(all.remove(&*key.0).is_some()))
    }

    fn list(&self, prefix: &str, after: Option<&Key>, max: usize) -> StoreFuture<'_, Vec<Document>> {
        self.with(|all| {
            let later = |key: &str| after.is_none_or(|after| key > &*after.0);
            let matching = all.iter().filter(|(key, _)| key.starts_with(prefix) && later(key));
            let document = |(key, (value, revision)): (&String, &(Bytes, u64))| Document {
                key: Key::from(key.as_str()),
                value: value.clone(),
                revision: Revision(*revision),
            };
            Ok(matching.take(max).map(document).collect())
        })
    }

    fn watch(&self, _prefix: &str) -> StoreFuture<'_, Watch> {
        let (_, watch) = tokio::sync::mpsc::channel(1);
        self.with(|_| Ok(watch))
    }
}
