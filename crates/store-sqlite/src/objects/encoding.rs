//! How values are written into columns.

use kulkul_store::StoreError;
use kulkul_store::objects::{DataId, Extent, ObjectKind};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// An extent is its data's id, its offset and its length, each big-endian.
const EXTENT_BYTES: usize = 32;

/// Extents as one value.
pub(super) fn write_extents(extents: &[Extent]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(extents.len() * EXTENT_BYTES);
    for extent in extents {
        bytes.extend_from_slice(&extent.data.0.to_be_bytes());
        bytes.extend_from_slice(&extent.offset.to_be_bytes());
        bytes.extend_from_slice(&extent.length.to_be_bytes());
    }
    bytes
}

/// The extents that a value holds.
pub(super) fn read_extents(bytes: &[u8]) -> Result<Vec<Extent>, StoreError> {
    let (chunks, rest) = bytes.as_chunks::<EXTENT_BYTES>();
    if !rest.is_empty() {
        return Err(format("the extents of an object", &format!("{} bytes", bytes.len()), "multiples of 32"));
    }
    let extent = |chunk: &[u8; EXTENT_BYTES]| {
        let (id, rest) = chunk.split_first_chunk::<16>().expect("a chunk is longer than an id");
        let (offset, length) = rest.split_first_chunk::<8>().expect("a number follows the id");
        let length = length.try_into().expect("what remains of a chunk is one number");
        Extent {
            data: DataId(u128::from_be_bytes(*id)),
            offset: u64::from_be_bytes(*offset),
            length: u64::from_be_bytes(length),
        }
    };
    Ok(chunks.iter().map(extent).collect())
}

/// A kind as text.
pub(super) fn write_kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Normal => "normal",
        ObjectKind::Multipart => "multipart",
        ObjectKind::Appendable => "appendable",
        ObjectKind::Symlink => "symlink",
    }
}

/// The kind that a text names.
pub(super) fn read_kind(text: &str) -> Result<ObjectKind, StoreError> {
    match text {
        "normal" => Ok(ObjectKind::Normal),
        "multipart" => Ok(ObjectKind::Multipart),
        "appendable" => Ok(ObjectKind::Appendable),
        "symlink" => Ok(ObjectKind::Symlink),
        _ => Err(format("the kind of an object", text, "normal, multipart, appendable or symlink")),
    }
}

fn format(what: &str, found: &str, expected: &str) -> StoreError {
    StoreError::Format { what: what.to_owned(), found: found.to_owned(), expected: expected.to_owned() }
}

/// Bytes that are compared with text. They need not be UTF-8: the end of a range of keys is not.
pub(super) struct TextBound<'a>(pub(super) &'a [u8]);

impl ToSql for TextBound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_survive_the_way_to_a_column_and_back() {
        let extents = [
            Extent { data: DataId(u128::MAX - 7), offset: 0, length: 1 },
            Extent { data: DataId(3), offset: 1 << 40, length: u64::MAX },
        ];
        assert_eq!(read_extents(&write_extents(&extents)).unwrap(), extents);
        assert!(matches!(read_extents(&[0; 33]), Err(StoreError::Format { .. })));
    }

    #[test]
    fn every_kind_has_its_own_text() {
        use ObjectKind::{Appendable, Multipart, Normal, Symlink};
        for kind in [Normal, Multipart, Appendable, Symlink] {
            assert_eq!(read_kind(write_kind(kind)).unwrap(), kind);
        }
        assert!(read_kind("other").is_err());
    }
}
