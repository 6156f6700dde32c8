//! Metadata: one resource is one document. No operation spans two of them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::StoreFuture;

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

    /// Stores a new document. [`StoreError::Conflict`](crate::StoreError::Conflict) when there is one already.
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
