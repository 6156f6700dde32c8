//! One delivered file: a JSON array of records, compressed or plain.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;

/// The largest file as it lies in the bucket. The cloud writes files of some MB. Ours.
pub(super) const FILE_BYTES_MAX: u64 = 16 << 20;
/// The largest file when unpacked. Ours.
const TEXT_BYTES_MAX: u64 = 64 << 20;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The text of a file, unpacked as far as the limit goes. The error says what is wrong with the file.
pub(super) fn text_of(bytes: &[u8]) -> Result<String, String> {
    text_within(bytes, TEXT_BYTES_MAX)
}

fn text_within(bytes: &[u8], bytes_max: u64) -> Result<String, String> {
    let mut text = Vec::new();
    match bytes.starts_with(&GZIP_MAGIC) {
        true => MultiGzDecoder::new(bytes).take(bytes_max + 1).read_to_end(&mut text),
        false => bytes.take(bytes_max + 1).read_to_end(&mut text),
    }
    .map_err(|error| format!("it cannot be unpacked: {error}"))?;
    if text.len() as u64 > bytes_max {
        return Err(format!("it has more than {bytes_max} bytes when unpacked"));
    }
    String::from_utf8(text).map_err(|error| format!("it is not UTF-8: {error}"))
}

/// The records of a text.
pub(super) fn records_of(text: &str) -> Result<Vec<&RawValue>, String> {
    serde_json::from_str(text).map_err(|error| format!("it is not a JSON array: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_and_plain_files_are_read() {
        let text = r#"[{"a":1},{"b":2}]"#;
        for bytes in [gzip(text.as_bytes()), text.into()] {
            let read = text_of(&bytes).unwrap();
            assert_eq!(
                records_of(&read).unwrap().iter().map(|r| r.get()).collect::<Vec<_>>(),
                [r#"{"a":1}"#, r#"{"b":2}"#]
            );
        }
        let parts = [gzip(b"[1,"), gzip(b"2]")].concat();
        assert_eq!(text_of(&parts).unwrap(), "[1,2]", "one after the other, as gzip allows");
    }

    #[test]
    fn what_grows_beyond_the_limit_is_not_unpacked() {
        let bomb = gzip(&vec![b' '; 1_000_000]);
        assert!(bomb.len() < 10_000);
        assert!(text_within(&bomb, 10_000).unwrap_err().contains("more than 10000 bytes"));
        assert!(text_within(&bomb, 1_000_000).is_ok());
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let whole = gzip(b"[1]");
        for bytes in [&whole[..whole.len() - 6], &[0x1f, 0x8b, 1, 2], &[0xff, 0xfe]] {
            assert!(text_of(bytes).is_err(), "{bytes:?}");
        }
        for text in ["", "{}", "[1", "[1] x"] {
            assert!(records_of(text).is_err(), "{text}");
        }
    }
}
