//! Can any bytes make the check of code panic, hang or take more than its limits?

use std::io::{Cursor, Write};
use std::time::Duration;

use bytes::Bytes;
use kulkul_function::{ArchiveLimits, check_archive};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[test]
fn zip_reader() {
    let whole = archive();
    check_archive(&Bytes::from(whole.clone()), &ArchiveLimits::default()).unwrap();
    bolero::check!()
        .with_test_time(Duration::from_secs(2))
        .with_iterations(20_000)
        .with_max_len(64)
        .for_each(|random: &[u8]| {
            let _ = check_archive(&Bytes::from(mangled(&whole, random)), &ArchiveLimits::default());
            let _ = check_archive(&Bytes::copy_from_slice(random), &ArchiveLimits::default());
        });
}

fn archive() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_directory("lib/", SimpleFileOptions::default()).unwrap();
    zip.start_file("lib/index.py", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(&b"def handler(event, context):\n    return event\n".repeat(20)).unwrap();
    zip.add_symlink("index.py", "lib/index.py", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The archive with some of its bytes replaced, three random ones for each.
fn mangled(whole: &[u8], random: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for edit in random.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[at] = edit[2];
    }
    bytes
}
