//! Writes what an archive holds into a new directory, and bounds what really comes out.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use bytes::Bytes;

use super::archive::{self, ArchiveError, ArchiveLimits, not_a_zip};

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// It is the archive's fault.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It is the disk's.
    #[error("cannot write")]
    Io(#[from] io::Error),
}

const READ_ONLY: u32 = 0o444;
const READ_ONLY_EXECUTABLE: u32 = 0o555;

/// Unpacks `zip` into `root`, which must be an existing empty directory. Files and directories end up read-only.
pub(super) fn unpack(zip: &Bytes, limits: &ArchiveLimits, root: &Path) -> Result<(), UnpackError> {
    let (mut archive, plan) = archive::read(zip, limits)?;
    let bytes_max = limits.unpacked_bytes_max_of(zip.len() as u64);
    let mut bytes_left = bytes_max;
    for directory in &plan.directories {
        fs::create_dir_all(root.join(directory))?;
    }
    let mut buffer = vec![0; 64 * 1024];
    for planned in &plan.files {
        let path = root.join(&planned.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = if planned.executable { READ_ONLY_EXECUTABLE } else { READ_ONLY };
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&path)?;
        let mut content = archive.by_index(planned.index).map_err(not_a_zip)?;
        loop {
            // A failure to read is damage of the archive: its bytes are in memory.
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(ArchiveError::NotAZip(error.to_string()).into()),
            };
            bytes_left = bytes_left.checked_sub(count as u64).ok_or(ArchiveError::Bomb { bytes_max })?;
            file.write_all(&buffer[..count])?;
        }
        // The mode given at creation was subject to the process's mask.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    // Links come last, so that nothing is written through one.
    for (link, target) in &plan.links {
        let path = root.join(link);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(target, path)?;
    }
    protect(root)
}

/// Makes every directory read-only, the deepest first.
fn protect(directory: &Path) -> Result<(), UnpackError> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            protect(&entry.path())?;
        }
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(READ_ONLY_EXECUTABLE))?;
    Ok(())
}

/// Removes a tree that may be read-only. Not being there is success.
pub(super) fn remove_tree(root: &Path) -> io::Result<()> {
    match fs::symlink_metadata(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_dir() => return fs::remove_file(root),
        Ok(_) => {}
    }
    make_writable(root)?;
    fs::remove_dir_all(root)
}

fn make_writable(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Entry, zip_of};
    use proptest::prelude::*;
    use std::io::Cursor;

    fn unpacked(zip: &Bytes, limits: &ArchiveLimits) -> (tempfile::TempDir, Result<(), UnpackError>) {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("code");
        fs::create_dir(&root).unwrap();
        let outcome = unpack(zip, limits, &root);
        (parent, outcome)
    }

    fn refusal(entries: &[Entry<'_>]) -> String {
        let (parent, outcome) = unpacked(&zip_of(entries), &ArchiveLimits::default());
        let written = fs::read_dir(parent.path().join("code")).unwrap().count();
        assert_eq!(written, 0, "refused before anything was written");
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn files_directories_links_and_modes_come_out_read_only() {
        let zip = zip_of(&[
            Entry::Directory("lib/"),
            Entry::File("lib/data.txt", b"data", 0o644),
            Entry::File("bootstrap", b"#!/bin/sh\n", 0o755),
            Entry::File("deep/er/x.py", b"x = 1\n", 0o600),
            Entry::Link("current", "lib/data.txt"),
        ]);
        let (parent, outcome) = unpacked(&zip, &ArchiveLimits::default());
        outcome.unwrap();
        let root = parent.path().join("code");
        let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(fs::read(root.join("current")).unwrap(), b"data");
        assert_eq!((mode("bootstrap"), mode("lib/data.txt"), mode("deep/er/x.py")), (0o555, 0o444, 0o444));
        assert_eq!((mode("lib"), mode("")), (0o555, 0o555));
        remove_tree(&root).unwrap();
        assert!(!root.exists());
        remove_tree(&root).unwrap();
    }

    #[test]
    fn entries_that_would_land_elsewhere_are_refused() {
        let file = |name| Entry::File(name, b"x", 0o644);
        let table: [(&[Entry<'_>], &str); 12] = [
            (&[file("../evil.py")], "has .. in its path"),
            (&[file("a/../../evil.py")], "has .. in its path"),
            (&[file("a\\..\\..\\evil.py")], "has .. in its path"),
            (&[file("/etc/evil.py")], "has an absolute path"),
            (&[file("\\evil.py")], "has an absolute path"),
            (&[Entry::Link("link", "/etc/passwd")], "is a link that leads out"),
            (&[Entry::Link("link", "../x")], "is a link that leads out"),
            (&[Entry::Link("d/up", ".."), Entry::Link("out", "d/up/..")], "is a link that leads out"),
            (&[Entry::Link("d", "e"), file("d/evil.py")], "lies below a file or link"),
            (&[file("d"), file("d/x.py")], "lies below a file or link"),
            (&[file("a.py"), file("./a.py")], "is there twice"),
            (&[file("a.py"), file("a.py")], "two entries have the same name"),
        ];
        for (entries, reason) in table {
            let error = refusal(entries);
            assert!(error.contains(reason), "{error}: {reason}");
        }
    }

    #[test]
    fn a_name_with_control_characters_is_shown_without_them() {
        assert!(refusal(&[Entry::File("../\u{1b}[2J", b"x", 0o644)]).contains("'../?[2J'"));
    }

    #[test]
    fn what_is_not_a_zip_is_refused() {
        for junk in [&b""[..], b"PK", b"hello", &[0; 4096]] {
            let (_parent, outcome) = unpacked(&Bytes::from_static(b"").slice(..0), &ArchiveLimits::default());
            assert!(outcome.is_err());
            let error = archive::check_archive(&Bytes::copy_from_slice(junk), &ArchiveLimits::default());
            assert!(error.unwrap_err().to_string().starts_with("the code is not a valid zip file"));
        }
        let (_parent, outcome) = unpacked(&zip_of(&[]), &ArchiveLimits::default());
        assert_eq!(outcome.unwrap_err().to_string(), "the zip file is empty");
    }

    #[test]
    fn damaged_content_is_the_archives_fault() {
        let content = [b'x'; 4096];
        let mut zip = zip_of(&[Entry::File("index.py", &content, 0o644)]).to_vec();
        let at = zip.len() / 3;
        zip[at] ^= 0xff;
        let (_parent, outcome) = unpacked(&zip.into(), &ArchiveLimits::default());
        let error = outcome.unwrap_err();
        assert!(matches!(error, UnpackError::Archive(ArchiveError::NotAZip(_))), "{error}");
    }

    #[test]
    fn a_bomb_is_stopped_by_its_claim_and_by_what_comes_out() {
        let zeros = vec![0; 1024 * 1024];
        let zip = zip_of(&[Entry::File("zeros", &zeros, 0o644)]);
        let limits = ArchiveLimits { ratio_free_bytes: 64 * 1024, ratio_max: 10, ..ArchiveLimits::default() };
        let (_parent, outcome) = unpacked(&zip, &limits);
        assert!(matches!(outcome, Err(UnpackError::Archive(ArchiveError::Bomb { .. }))), "{outcome:?}");
        // The same with a directory that claims 16 bytes: the size is at offset 24 of the directory's header.
        let mut lying = zip.to_vec();
        let header = memchr::memmem::rfind(&lying, b"PK\x01\x02").unwrap();
        lying[header + 24..header + 28].copy_from_slice(&16u32.to_le_bytes());
        lying[22..26].copy_from_slice(&16u32.to_le_bytes());
        let (parent, outcome) = unpacked(&lying.into(), &limits);
        assert!(outcome.is_err(), "{outcome:?}");
        let written = fs::metadata(parent.path().join("code/zeros")).map_or(0, |m| m.len());
        assert!(written <= 64 * 1024, "{written}");
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let names: Vec<String> = (0..20).map(|n| format!("f{n}")).collect();
        let entries: Vec<Entry<'_>> = names.iter().map(|name| Entry::File(name, b"", 0o644)).collect();
        for entry_count_max in [19, 4] {
            let limits = ArchiveLimits { entry_count_max, ..ArchiveLimits::default() };
            let (_parent, outcome) = unpacked(&zip_of(&entries), &limits);
            assert_eq!(
                outcome.unwrap_err().to_string(),
                format!("the zip file has more than {entry_count_max} entries")
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// Whatever happened to a zip on its way: it is unpacked below its root, within its limits, or refused.
        #[test]
        fn a_mangled_zip_neither_panics_nor_escapes(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
            cut in any::<Option<proptest::sample::Index>>(),
        ) {
            let mut zip = zip_of(&[
                Entry::Directory("lib/"),
                Entry::File("lib/x.py", &[b'x'; 300], 0o644),
                Entry::Link("link", "lib/x.py"),
                Entry::File("a/b", b"content", 0o755),
            ])
            .to_vec();
            for (at, byte) in changes {
                let at = at.index(zip.len());
                zip[at] = byte;
            }
            if let Some(cut) = cut {
                zip.truncate(cut.index(zip.len()));
            }
            let limits = ArchiveLimits { unpacked_bytes_max: 4096, ..ArchiveLimits::default() };
            let (parent, _outcome) = unpacked(&zip.into(), &limits);
            let beside: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            prop_assert_eq!(beside, ["code"]);
            prop_assert!(bytes_below(&parent.path().join("code")) <= 4096);
            remove_tree(&parent.path().join("code")).unwrap();
        }
    }

    fn bytes_below(directory: &Path) -> u64 {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
        let bytes_of = |entry: fs::DirEntry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => bytes_below(&entry.path()),
            kind if kind.is_file() => entry.metadata().unwrap().len(),
            _ => 0,
        };
        entries.map(bytes_of).sum()
    }

    #[test]
    fn a_zip_written_by_hand_is_the_zip_read() {
        let zip = zip_of(&[Entry::File("a", b"1", 0o644)]);
        assert_eq!(zip::ZipArchive::new(Cursor::new(zip)).unwrap().len(), 1);
    }
}
