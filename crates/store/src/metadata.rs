//! Metadata: one resource is one document. No operation spans two of them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{StoreError, StoreFuture};

/// The key of a document: segments joined by `/`, such as `rule/default/resize-on-upload`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Arc<str>);

/// A state of a document. Only compared for equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(pub u64);

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: Key,
    /// Its content; the engine does not look inside.
    pub value: Bytes,
    /// Its state.
    pub revision: Revision,
}

/// What happened to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was there when the watch began, was created, or has changed.
    Put(Document),
    /// It was deleted.
    Deleted(Key),
    /// Everything that was there when the watch began has been sent; changes follow.
    Current,
}

/// A stream of changes. It ends when the engine closes, or when its reader was too slow: then watch anew.
pub type Watch = mpsc::Receiver<Change>;

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// Documents by key.
pub trait Metadata: Send + Sync + 'static {
    /// The document at a key.
    fn get(&self, key: &Key) -> StoreFuture<'_, Option<Document>>;

    /// Stores a new document. [`StoreError::Conflict`] when there is one already.
    fn create(&self, key: &Key, value: Bytes) -> StoreFuture<'_, Revision>;

    /// Replaces a document that is still at revision `at`; else `Conflict`, also when it is gone.
    fn replace(&self, key: &Key, at: Revision, value: Bytes) -> StoreFuture<'_, Revision>;

    /// Deletes a document, with `at` only while it is still at that revision. `Ok(false)` when there was none.
    fn delete(&self, key: &Key, at: Option<Revision>) -> StoreFuture<'_, bool>;

    /// The documents whose keys start with `prefix`, by key ascending, from the first after `after`, at most `max`.
    fn list(&self, prefix: &str, after: Option<&Key>, max: usize) -> StoreFuture<'_, Vec<Document>>;

    /// All documents whose keys start with `prefix`, then [`Change::Current`], then each change.
    fn watch(&self, prefix: &str) -> StoreFuture<'_, Watch>;
}

/// What every engine can do by what the trait asks of it.
impl dyn Metadata {
    /// All documents whose keys start with `prefix`, by key ascending. They are read page by page, so what is changed
    /// meanwhile may be among them or not.
    pub async fn documents(&self, prefix: &str) -> Result<Vec<Document>, StoreError> {
        const PAGE: usize = 1000;
        let mut all: Vec<Document> = Vec::new();
        loop {
            let after = all.last().map(|document| document.key.clone());
            let page = self.list(prefix, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Stores a document, in the place of one that is there already. For keys that nobody else writes at the same time:
    /// else [`StoreError::Conflict`].
    pub async fn put(&self, key: &Key, value: Bytes) -> Result<Revision, StoreError> {
        match self.get(key).await? {
            Some(before) => self.replace(key, before.revision, value).await,
            None => self.create(key, value).await,
        }
    }
}
