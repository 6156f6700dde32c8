//! Writing a file, a megabyte at a time, on Tokio's threads for blocking work.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use bytes::Bytes;
use kulkul_store::objects::{DataId, DataSink, NewData};
use kulkul_store::{StoreError, StoreFuture};

use super::files::Files;
use crate::failure::Attempting;

/// So much is collected before it is written.
const FLUSH_BYTES: usize = 1024 * 1024;

/// How many pieces go into one write: the system's limit.
const SLICES_MAX: usize = 1024;

/// A file in the making. What is small is written only when it is complete.
pub(super) struct FileSink {
    /// Away while it is being written to; for ever when that was abandoned.
    partial: Option<Partial>,
    pending: Vec<Bytes>,
    pending_bytes: usize,
}

/// A new file, once there is something to be written to it. Dropping it removes it.
struct Partial {
    files: Arc<Files>,
    file: Option<(DataId, File)>,
    length: u64,
}

impl FileSink {
    pub(super) fn new(files: Arc<Files>) -> Self {
        let partial = Partial { files, file: None, length: 0 };
        Self { partial: Some(partial), pending: Vec::new(), pending_bytes: 0 }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let mut partial = self.take_partial()?;
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let write = move || partial.write(&pending).map(|()| partial);
        let written = tokio::task::spawn_blocking(write).await;
        let partial = written.map_err(|source| StoreError::engine("write an object", source))?;
        self.partial = Some(partial.attempting("write an object")?);
        Ok(())
    }

    fn take_partial(&mut self) -> Result<Partial, StoreError> {
        let gone = || io::Error::other("an earlier write failed or was abandoned");
        self.partial.take().ok_or_else(gone).attempting("write an object")
    }
}

impl DataSink for FileSink {
    fn write(&mut self, bytes: Bytes) -> StoreFuture<'_, ()> {
        self.pending_bytes += bytes.len();
        self.pending.push(bytes);
        if self.pending_bytes < FLUSH_BYTES && self.pending.len() < SLICES_MAX {
            return Box::pin(std::future::ready(Ok(())));
        }
        Box::pin(self.flush())
    }

    fn seal(mut self: Box<Self>) -> StoreFuture<'static, NewData> {
        Box::pin(async move {
            let mut partial = self.take_partial()?;
            let pending = std::mem::take(&mut self.pending);
            let seal = move || partial.write(&pending).and_then(|()| partial.seal());
            let sealed = tokio::task::spawn_blocking(seal).await;
            sealed
                .map_err(|source| StoreError::engine("sync an object", source))?
                .attempting("write an object")
        })
    }
}

impl Partial {
    fn write(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        if pieces.is_empty() {
            return Ok(());
        }
        let (_, file) = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.files.create()?),
        };
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = slices.as_mut_slice();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let count = left.len().min(SLICES_MAX);
            match file.write_vectored(&left[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.length += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Syncs the file; only then may a commit refer to it. No bytes need no file.
    fn seal(mut self) -> io::Result<NewData> {
        if let Some((_, file)) = &self.file {
            file.sync_data()?;
        }
        let id = self.file.take().map_or_else(|| self.files.new_id(), |(id, _)| id);
        let files = Arc::clone(&self.files);
        Ok(NewData::new(id, self.length, Box::new(move || files.discard(id))))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some((id, _)) = self.file.take() {
            self.files.discard(id);
        }
    }
}
