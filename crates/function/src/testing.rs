//! What this crate's unit tests share: zips made to measure, and blobs in memory.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::Mutex;

use bytes::Bytes;
use kulkul_store::{Blobs, Digest, StoreError, StoreFuture};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

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

/// Blobs in memory.
#[derive(Default)]
pub(crate) struct MemoryBlobs(Mutex<BTreeMap<Digest, Bytes>>);

impl MemoryBlobs {
    fn answer<T: Send + 'static>(&self, value: Result<T, StoreError>) -> StoreFuture<'_, T> {
        Box::pin(std::future::ready(value))
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, content: Bytes) -> StoreFuture<'_, Digest> {
        let digest = digest_of(&content);
        self.0.lock().unwrap().insert(digest, content);
        self.answer(Ok(digest))
    }

    fn get(&self, digest: &Digest) -> StoreFuture<'_, Bytes> {
        let found = self.0.lock().unwrap().get(digest).cloned();
        self.answer(found.ok_or_else(|| StoreError::NotFound { key: digest.to_string() }))
    }

    fn delete(&self, digest: &Digest) -> StoreFuture<'_, bool> {
        let was_there = self.0.lock().unwrap().remove(digest).is_some();
        self.answer(Ok(was_there))
    }

    fn list(&self) -> StoreFuture<'_, Vec<Digest>> {
        let all = self.0.lock().unwrap().keys().copied().collect();
        self.answer(Ok(all))
    }
}
