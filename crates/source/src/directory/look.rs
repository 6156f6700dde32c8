//! What can be seen of a directory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use kulkul_model::Timestamp;

/// Files that one look takes in; a directory with more is watched in part. Ours.
pub(super) const FILE_COUNT_MAX: usize = 10_000;

/// A file as it was at a look: equal values are the same content, as far as can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) size: u64,
    /// Nanoseconds since the epoch.
    pub(super) modified_ns: i128,
}

impl File {
    pub(super) fn modified(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.modified_ns.div_euclid(1_000_000)).unwrap_or(0))
    }
}

/// The files of a directory by name.
pub(super) type Look = BTreeMap<String, File>;

/// What a look brought.
pub(super) struct Looked {
    pub(super) files: Look,
    /// There are more files: one that is not among these may be there all the same.
    pub(super) cut_off: bool,
}

/// Looks at a directory, and takes in at most `count_max` files. Blocks.
pub(super) fn look_at(directory: &Path, count_max: usize) -> io::Result<Looked> {
    let mut files = Look::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        // Names that are no text cannot be put into an event.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || name.chars().any(char::is_control) {
            continue;
        }
        // Of the entry itself: a link is not followed. What is gone meanwhile is not there.
        let Ok(metadata) = entry.metadata() else { continue };
        let Ok(modified) = metadata.modified() else { continue };
        if !metadata.is_file() {
            continue;
        }
        let modified_ns = match modified.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        if files.len() == count_max {
            return Ok(Looked { files, cut_off: true });
        }
        files.insert(name, File { size: metadata.len(), modified_ns });
    }
    Ok(Looked { files, cut_off: false })
}

/// The files that are the same in two looks, one after the other.
pub(super) fn settled<'a>(before: &Look, now: &'a Look) -> impl Iterator<Item = (&'a String, File)> {
    let same = |name: &&String, file: File| before.get(*name) == Some(&file);
    let same: Vec<_> = now.iter().filter(|(name, file)| same(name, **file)).map(|(n, f)| (n, *f)).collect();
    same.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_are_there_for_everybody_are_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a.csv"), "abc").unwrap();
        std::fs::write(path(".hidden"), "abc").unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink(path("a.csv"), path("link")).unwrap();
        let look = look_at(directory.path(), 9).unwrap();
        assert_eq!(
            look.files.iter().map(|(name, file)| (name.as_str(), file.size)).collect::<Vec<_>>(),
            [("a.csv", 3)]
        );
        assert!(look_at(&path("nowhere"), 9).is_err());
    }

    #[test]
    fn a_look_that_was_cut_off_says_so() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c", ".hidden"] {
            std::fs::write(directory.path().join(name), "abc").unwrap();
        }
        for (count_max, expected) in [(2, (2, true)), (3, (3, false)), (4, (3, false))] {
            let looked = look_at(directory.path(), count_max).unwrap();
            assert_eq!((looked.files.len(), looked.cut_off), expected, "{count_max}");
        }
    }

    #[test]
    fn a_file_settles_when_it_stays_as_it_is() {
        let file = |size| File { size, modified_ns: 7 };
        let look = |files: &[(&str, u64)]| -> Look {
            files.iter().map(|(name, size)| ((*name).to_owned(), file(*size))).collect()
        };
        let (before, now) = (look(&[("a", 1), ("b", 1)]), look(&[("a", 1), ("b", 2), ("c", 3)]));
        assert_eq!(settled(&before, &now).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
    }
}
