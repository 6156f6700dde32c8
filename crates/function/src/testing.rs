//! What this crate's tests share: zips made to measure, and a store in memory.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kulkul_delivery::SystemClock;
use kulkul_model::Identity;
use kulkul_store::{Blobs, Digest, Document, Key, Metadata, Revision, StoreError, StoreFuture, Watch};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

use crate::{FunctionOptions, Functions, FunctionsParts};

/// One entry of a zip.
#[derive(Clone, Copy)]
pub(crate) enum Entry<'a> {
    File(&'a str, &'a [u8], u32),
    Directory(&'a str),
    Link(&'a str, &'a str),
}

/// A zip as an ordinary tool would not write it: names are taken as they are, and may repeat.
pub(crate) fn zip_of(entries: &[Entry<'_>]) -> Bytes {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let (name, content, mode) = match *entry {
            Entry::File(name, content, mode) => (name, content, 0o100_000 | mode),
            Entry::Directory(name) => (name, &b""[..], 0o040_755),
            Entry::Link(name, target) => (name, target.as_bytes(), 0o120_777),
        };
        // Deflate by the library, then lay out the headers by hand.
        let mut alone = zip::ZipWriter::new(Cursor::new(Vec::new()));
        alone.start_file("x", SimpleFileOptions::default()).unwrap();
        alone.write_all(content).unwrap();
        let alone = alone.finish().unwrap().into_inner();
        let mut reader = zip::ZipArchive::new(Cursor::new(&alone)).unwrap();
        let file = reader.by_index(0).unwrap();
        let (start, size) = (file.data_start().unwrap() as usize, file.compressed_size() as usize);
        let (crc, method) =
            (file.crc32(), if file.compression() == zip::CompressionMethod::Stored { 0u16 } else { 8 });
        let data = &alone[start..start + size];
        let offset = bytes.len() as u32;
        let mut common = Vec::new();
        common.extend_from_slice(&20u16.to_le_bytes());
        common.extend_from_slice(&0x0800u16.to_le_bytes());
        common.extend_from_slice(&method.to_le_bytes());
        common.extend_from_slice(&[0; 4]);
        common.extend_from_slice(&crc.to_le_bytes());
        common.extend_from_slice(&(size as u32).to_le_bytes());
        common.extend_from_slice(&(content.len() as u32).to_le_bytes());
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&common);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(data);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&(3u16 << 8 | 20).to_le_bytes());
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = bytes.len() as u32;
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06");
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.into()
}

pub(crate) fn digest_of(content: &[u8]) -> Digest {
    Digest(Sha256::digest(content).into())
}

/// Documents and blobs in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    documents: Mutex<BTreeMap<Key, (Bytes, Revision)>>,
    blobs: Mutex<BTreeMap<Digest, Bytes>>,
    last_revision: Mutex<u64>,
}

impl MemoryStore {
    fn next_revision(&self) -> Revision {
        let mut last = self.last_revision.lock().unwrap();
        *last += 1;
        Revision(*last)
    }

    fn answer<T: Send + 'static>(&self, value: Result<T, StoreError>) -> StoreFuture<'_, T> {
        Box::pin(std::future::ready(value))
    }

    fn conflict(key: &Key) -> StoreError {
        StoreError::Conflict { key: key.to_string() }
    }
}

impl Metadata for MemoryStore {
    fn get(&self, key: &Key) -> StoreFuture<'_, Option<Document>> {
        let found = self.documents.lock().unwrap().get(key).cloned();
        let key = key.clone();
        self.answer(Ok(found.map(|(value, revision)| Document { key, value, revision })))
    }

    fn create(&self, key: &Key, value: Bytes) -> StoreFuture<'_, Revision> {
        let mut documents = self.documents.lock().unwrap();
        if documents.contains_key(key) {
            return self.answer(Err(Self::conflict(key)));
        }
        let revision = self.next_revision();
        documents.insert(key.clone(), (value, revision));
        self.answer(Ok(revision))
    }

    fn replace(&self, key: &Key, at: Revision, value: Bytes) -> StoreFuture<'_, Revision> {
        let mut documents = self.documents.lock().unwrap();
        if documents.get(key).is_none_or(|(_, revision)| *revision != at) {
            return self.answer(Err(Self::conflict(key)));
        }
        let revision = self.next_revision();
        documents.insert(key.clone(), (value, revision));
        self.answer(Ok(revision))
    }

    fn delete(&self, key: &Key, at: Option<Revision>) -> StoreFuture<'_, bool> {
        let mut documents = self.documents.lock().unwrap();
        match (documents.get(key), at) {
            (Some((_, revision)), Some(at)) if *revision != at => self.answer(Err(Self::conflict(key))),
            (Some(_), _) => {
                documents.remove(key);
                self.answer(Ok(true))
            }
            (None, _) => self.answer(Ok(false)),
        }
    }

    fn list(&self, prefix: &str, after: Option<&Key>, max: usize) -> StoreFuture<'_, Vec<Document>> {
        let documents = self.documents.lock().unwrap();
        let found =
            documents.iter().filter(|(key, _)| key.0.starts_with(prefix) && after.is_none_or(|a| *key > a));
        let page = found.take(max).map(|(key, (value, revision))| Document {
            key: key.clone(),
            value: value.clone(),
            revision: *revision,
        });
        self.answer(Ok(page.collect()))
    }

    fn watch(&self, _prefix: &str) -> StoreFuture<'_, Watch> {
        self.answer(Err(StoreError::Closed))
    }
}

impl Blobs for MemoryStore {
    fn put(&self, content: Bytes) -> StoreFuture<'_, Digest> {
        let digest = digest_of(&content);
        self.blobs.lock().unwrap().insert(digest, content);
        self.answer(Ok(digest))
    }

    fn get(&self, digest: &Digest) -> StoreFuture<'_, Bytes> {
        let found = self.blobs.lock().unwrap().get(digest).cloned();
        self.answer(found.ok_or_else(|| StoreError::NotFound { key: digest.to_string() }))
    }

    fn delete(&self, digest: &Digest) -> StoreFuture<'_, bool> {
        let was_there = self.blobs.lock().unwrap().remove(digest).is_some();
        self.answer(Ok(was_there))
    }

    fn list(&self) -> StoreFuture<'_, Vec<Digest>> {
        let all = self.blobs.lock().unwrap().keys().copied().collect();
        self.answer(Ok(all))
    }
}

/// Functions over a store in memory, in a directory of their own.
pub(crate) struct Fixture {
    pub(crate) functions: Arc<Functions>,
    store: Arc<MemoryStore>,
    directory: Arc<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Functions whose parts were changed before they were opened.
    pub(crate) async fn with(change: impl FnOnce(&mut FunctionsParts)) -> Self {
        Self::open(Arc::default(), Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    /// The same store and directory, opened anew.
    pub(crate) async fn reopened(&self) -> Self {
        Self::open(self.store.clone(), self.directory.clone(), |_| {}).await
    }

    pub(crate) fn blobs(&self) -> Arc<dyn Blobs> {
        self.store.clone()
    }

    pub(crate) fn metadata(&self) -> Arc<dyn Metadata> {
        self.store.clone()
    }

    async fn open(
        store: Arc<MemoryStore>,
        directory: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut FunctionsParts),
    ) -> Self {
        let mut parts = FunctionsParts {
            identity: Identity {
                account: "1234567890123456".parse().unwrap(),
                region: "cn-hangzhou".parse().unwrap(),
            },
            metadata: store.clone(),
            blobs: store.clone(),
            objects: None,
            clock: Arc::new(SystemClock),
            code_dir: directory.path().join("code"),
            options: FunctionOptions::default(),
        };
        change(&mut parts);
        Self { functions: Functions::open(parts).await.unwrap(), store, directory }
    }
}
