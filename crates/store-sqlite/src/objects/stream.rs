//! Reading extents as a stream: positional reads on Tokio's threads for blocking work, one piece ahead.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use kulkul_store::StoreError;
use kulkul_store::objects::{DataId, DataStream, Extent};
use tokio::task::JoinHandle;

use super::files::{Files, Reading};
use crate::failure::Attempting;

/// The size of one read.
const PIECE_BYTES: u64 = 256 * 1024;

/// The extents that a range of a row of extents covers.
pub(super) fn cut(extents: &[Extent], range: Range<u64>) -> Vec<Extent> {
    let mut start = 0;
    let mut pieces = Vec::new();
    for extent in extents {
        let end = start + extent.length;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            pieces.push(Extent {
                data: extent.data,
                offset: extent.offset + (from - start),
                length: to - from,
            });
        }
        start = end;
    }
    pieces
}

/// Begins to read. `NotFound` when a file has gone.
pub(super) async fn open(files: Arc<Files>, pieces: Vec<Extent>) -> Result<DataStream, StoreError> {
    let mut ids: Vec<DataId> = pieces.iter().map(|piece| piece.data).collect();
    ids.sort_unstable();
    ids.dedup();
    let Some(first) = pieces.first().map(|piece| piece.data) else {
        return Ok(Box::pin(futures_util::stream::empty()));
    };
    // From here on no file is removed; but one may have been, since the extents were read.
    let reading = files.begin_reading(ids);
    let begin = move || {
        if let Some(gone) = reading.missing()? {
            return Err(StoreError::NotFound { key: format!("data/{gone}") });
        }
        let file = match files.open_file(first) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound { key: format!("data/{first}") });
            }
            other => other.attempting("open the file of an object")?,
        };
        let mut reader = Reader { files, open: Some((first, file)), pieces, at: 0, _reading: reading };
        let bytes = reader.next_piece()?;
        Ok((reader, bytes))
    };
    let begun =
        tokio::task::spawn_blocking(begin).await.map_err(|source| StoreError::engine("read", source))?;
    let (reader, bytes) = begun?;
    Ok(Box::pin(PieceStream::new(reader, bytes)))
}

impl Reading {
    /// One of several files that is not there. A single one is opened at once, which says the same.
    fn missing(&self) -> Result<Option<DataId>, StoreError> {
        if self.ids().len() < 2 {
            return Ok(None);
        }
        for &id in self.ids() {
            if !self.files().exists(id).attempting("look for the file of an object")? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// Reads piece after piece.
struct Reader {
    files: Arc<Files>,
    open: Option<(DataId, File)>,
    pieces: Vec<Extent>,
    /// The piece that is next.
    at: usize,
    _reading: Reading,
}

impl Reader {
    fn next_piece(&mut self) -> Result<Bytes, StoreError> {
        let Some(piece) = self.pieces.get_mut(self.at) else { return Ok(Bytes::new()) };
        let file = match &self.open {
            Some((id, file)) if *id == piece.data => file,
            _ => {
                let file = self.files.open_file(piece.data).attempting("open the file of an object")?;
                &self.open.insert((piece.data, file)).1
            }
        };
        let count = piece.length.min(PIECE_BYTES);
        let mut buffer = vec![0; usize::try_from(count).expect("a piece fits into memory")];
        file.read_exact_at(&mut buffer, piece.offset).attempting("read the file of an object")?;
        piece.offset += count;
        piece.length -= count;
        if piece.length == 0 {
            self.at += 1;
        }
        Ok(buffer.into())
    }

    fn is_done(&self) -> bool {
        self.at == self.pieces.len()
    }
}

type Read = (Reader, Result<Bytes, StoreError>);

enum PieceStream {
    /// A piece that was read, and the reader for those after it.
    Ready(Option<(Reader, Bytes)>),
    Reading(JoinHandle<Read>),
    Done,
}

impl PieceStream {
    fn new(reader: Reader, bytes: Bytes) -> Self {
        Self::Ready(Some((reader, bytes)))
    }

    /// Reads on while the piece at hand is being sent.
    fn read_on(mut reader: Reader) -> Self {
        if reader.is_done() {
            return Self::Done;
        }
        Self::Reading(tokio::task::spawn_blocking(move || {
            let bytes = reader.next_piece();
            (reader, bytes)
        }))
    }
}

impl Stream for PieceStream {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (reader, bytes) = match &mut *self {
            Self::Ready(piece) => {
                piece.take().map(|(reader, bytes)| (reader, Ok(bytes))).expect("taken once")
            }
            Self::Reading(read) => match ready!(Pin::new(read).poll(cx)) {
                Ok(read) => read,
                Err(source) => {
                    *self = Self::Done;
                    return Poll::Ready(Some(Err(StoreError::engine("read an object", source))));
                }
            },
            Self::Done => return Poll::Ready(None),
        };
        *self = if bytes.is_ok() { Self::read_on(reader) } else { Self::Done };
        Poll::Ready(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_out_of_the_extents() {
        let extent = |data, offset, length| Extent { data: DataId(data), offset, length };
        let extents = [extent(1, 0, 10), extent(2, 5, 10), extent(3, 0, 1)];
        let table = [
            (0..21, vec![extent(1, 0, 10), extent(2, 5, 10), extent(3, 0, 1)]),
            (9..11, vec![extent(1, 9, 1), extent(2, 5, 1)]),
            (12..15, vec![extent(2, 7, 3)]),
            (20..99, vec![extent(3, 0, 1)]),
            (21..30, vec![]),
            (5..5, vec![]),
        ];
        for (range, expected) in table {
            assert_eq!(cut(&extents, range.clone()), expected, "{range:?}");
        }
    }
}
