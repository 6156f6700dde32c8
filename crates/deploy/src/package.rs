//! Code of a function as the zip that the API takes.
//!
//! The same files make the same bytes, wherever and whenever they are packed: names are sorted, times left out. So
//! the checksum of a function tells whether its code is what lies here.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

/// A zip in a request is base64 in at most 100 MB of JSON. Source: Function Compute 2023-03-30, limits page.
const ZIP_BYTES_MAX: u64 = 74 * 1024 * 1024;
/// What is read before anybody knows how small it packs; ours.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Source: the server takes as many.
const ENTRY_COUNT_MAX: usize = 50_000;
/// Directories within directories; ours. Links are not followed, so this only bounds the recursion.
const DEPTH_MAX: usize = 64;

/// What is never part of a function's code.
const IGNORED: [&str; 5] = [".git", ".hg", ".svn", "__pycache__", ".DS_Store"];

/// Why code could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file or directory cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something is neither a file nor a directory nor a link, or its name is not text.
    #[error("{} cannot be packed: {problem}", path.display())]
    Unfit {
        /// Which.
        path: PathBuf,
        /// Why, as a fragment.
        problem: &'static str,
    },
    /// There is nothing in it.
    #[error("{} has no files", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// It is more than the API takes.
    #[error("{} is too large: {problem}", path.display())]
    TooLarge {
        /// What was to be packed.
        path: PathBuf,
        /// Which limit it breaks.
        problem: String,
    },
    /// Packing failed.
    #[error("cannot pack {}", path.display())]
    Zip {
        /// What was to be packed.
        path: PathBuf,
        /// Why.
        #[source]
        source: ZipError,
    },
}

/// How a single file that is no zip gets into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SingleFile {
    /// Under its own name: the source text of a function.
    UnderItsName,
    /// As the executable `bootstrap`: the program of a custom runtime.
    AsBootstrap,
}

impl SingleFile {
    /// What a runtime makes of a single file.
    pub fn of_runtime(runtime: &str) -> Self {
        if runtime.starts_with("custom") { Self::AsBootstrap } else { Self::UnderItsName }
    }
}

/// The zip of a directory or a file. A file whose name ends in `.zip` is taken as it is.
pub fn pack(path: &Path, single: SingleFile) -> Result<Vec<u8>, PackageError> {
    pack_all(&[path], single)
}

/// The zip of several directories and files, all at its top: a function's own code and what it shares with others,
/// say. No two files may have the same name there.
pub fn pack_all(paths: &[impl AsRef<Path>], single: SingleFile) -> Result<Vec<u8>, PackageError> {
    let first = paths.first().map_or(Path::new(""), AsRef::as_ref);
    let zip = if paths.len() == 1 && is_zip(first) {
        check_packed(first, file_bytes(first)?)?;
        fs::read(first).map_err(unreadable(first))?
    } else {
        let mut packing = Packing::of(first);
        for path in paths.iter().map(AsRef::as_ref) {
            if is_zip(path) {
                return Err(PackageError::Unfit { path: path.to_owned(), problem: "a zip goes alone" });
            }
            packing.path = path;
            packing.any(path, single)?;
        }
        packing.finish()?
    };
    check_packed(first, zip.len() as u64)?;
    Ok(zip)
}

/// Whether a path is a zip already, by its name. A directory may be called what it wants.
fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) && !path.is_dir()
}

/// How long a file is. What is no regular file may have no end, or never begin, and is refused.
fn file_bytes(path: &Path) -> Result<u64, PackageError> {
    let metadata = fs::metadata(path).map_err(unreadable(path))?;
    if !metadata.is_file() {
        return Err(PackageError::Unfit { path: path.to_owned(), problem: "it is no regular file" });
    }
    Ok(metadata.len())
}

fn check_packed(path: &Path, bytes: u64) -> Result<(), PackageError> {
    if bytes <= ZIP_BYTES_MAX {
        return Ok(());
    }
    let problem = format!("{bytes} bytes packed, and at most {ZIP_BYTES_MAX} fit into a request");
    Err(PackageError::TooLarge { path: path.to_owned(), problem })
}

struct Packing<'a> {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    names: HashSet<String>,
    bytes: u64,
    /// What the caller named, for messages.
    path: &'a Path,
}

impl<'a> Packing<'a> {
    fn of(path: &'a Path) -> Self {
        Self { zip: ZipWriter::new(Cursor::new(Vec::new())), names: HashSet::new(), bytes: 0, path }
    }

    fn any(&mut self, path: &Path, single: SingleFile) -> Result<(), PackageError> {
        if fs::metadata(path).map_err(unreadable(path))?.is_dir() {
            return self.directory(path, "", 0);
        }
        let (name, executable) = match single {
            SingleFile::UnderItsName => (text_name(path)?, false),
            SingleFile::AsBootstrap => ("bootstrap", true),
        };
        self.file(path, name, executable)
    }

    fn directory(&mut self, directory: &Path, prefix: &str, depth: usize) -> Result<(), PackageError> {
        if depth > DEPTH_MAX {
            return Err(self.too_large(format!("more than {DEPTH_MAX} directories within each other")));
        }
        let entries = fs::read_dir(directory).map_err(unreadable(directory))?;
        let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut entries = entries.map_err(unreadable(directory))?;
        entries.sort();
        for path in entries {
            let name = text_name(&path)?;
            if IGNORED.contains(&name) || name.ends_with(".pyc") {
                continue;
            }
            let inside = format!("{prefix}{name}");
            let metadata = fs::symlink_metadata(&path).map_err(unreadable(&path))?;
            if metadata.is_dir() {
                self.directory(&path, &format!("{inside}/"), depth + 1)?;
            } else if metadata.is_symlink() {
                self.link(&path, &inside)?;
            } else if metadata.is_file() {
                self.file(&path, &inside, is_executable(&metadata))?;
            } else {
                return Err(PackageError::Unfit { path, problem: "it is neither a file nor a link" });
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str, executable: bool) -> Result<(), PackageError> {
        self.take_name(path, name)?;
        self.check_bytes(file_bytes(path)?)?;
        let content = fs::read(path).map_err(unreadable(path))?;
        // It may have grown meanwhile.
        self.check_bytes(content.len() as u64)?;
        self.bytes += content.len() as u64;
        let mode = if executable { 0o755 } else { 0o644 };
        let started = self.zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode));
        started.map_err(self.failed())?;
        self.zip.write_all(&content).map_err(|error| self.failed()(error.into()))
    }

    /// Refuses a file that would be too much together with what is packed already.
    fn check_bytes(&self, bytes: u64) -> Result<(), PackageError> {
        match self.bytes.saturating_add(bytes) > FILE_BYTES_MAX {
            true => Err(self.too_large(format!("more than {FILE_BYTES_MAX} bytes of files"))),
            false => Ok(()),
        }
    }

    fn link(&mut self, path: &Path, name: &str) -> Result<(), PackageError> {
        self.take_name(path, name)?;
        let target = fs::read_link(path).map_err(unreadable(path))?;
        let Some(target) = target.to_str() else {
            return Err(PackageError::Unfit { path: path.to_owned(), problem: "its target is not text" });
        };
        self.zip.add_symlink(name, target, SimpleFileOptions::default()).map_err(self.failed())
    }

    fn take_name(&mut self, path: &Path, name: &str) -> Result<(), PackageError> {
        if !self.names.insert(name.to_owned()) {
            let problem = "another file has the same name in the function";
            return Err(PackageError::Unfit { path: path.to_owned(), problem });
        }
        if self.names.len() > ENTRY_COUNT_MAX {
            return Err(self.too_large(format!("more than {ENTRY_COUNT_MAX} files")));
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, PackageError> {
        if self.names.is_empty() {
            return Err(PackageError::Empty { path: self.path.to_owned() });
        }
        let failed = self.failed();
        self.zip.finish().map(Cursor::into_inner).map_err(failed)
    }

    fn too_large(&self, problem: String) -> PackageError {
        PackageError::TooLarge { path: self.path.to_owned(), problem }
    }

    fn failed(&self) -> impl FnOnce(ZipError) -> PackageError + use<> {
        let path = self.path.to_owned();
        move |source| PackageError::Zip { path, source }
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    move |source| PackageError::Unreadable { path: path.to_owned(), source }
}

fn text_name(path: &Path) -> Result<&str, PackageError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| PackageError::Unfit { path: path.to_owned(), problem: "its name is not text" })
}

fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Names, modes and contents of a zip.
    fn unpacked(zip: &[u8]) -> Vec<(String, u32, String)> {
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        (0..archive.len())
            .map(|index| {
                let mut file = archive.by_index(index).unwrap();
                let mut content = String::new();
                file.read_to_string(&mut content).unwrap();
                (file.name().unwrap().into_owned(), file.unix_mode().unwrap() & 0o170_777, content)
            })
            .collect()
    }

    fn entry(name: &str, mode: u32, content: &str) -> (String, u32, String) {
        (name.to_owned(), mode, content.to_owned())
    }

    #[test]
    fn a_directory_is_packed_sorted_and_without_clutter() {
        let home = tempfile::tempdir().unwrap();
        let code = home.path();
        fs::create_dir_all(code.join("lib/__pycache__")).unwrap();
        fs::create_dir(code.join(".git")).unwrap();
        let files =
            [("lib/b.py", "b"), ("index.py", "a"), ("lib/__pycache__/b.pyc", "x"), (".git/HEAD", "x")];
        for (name, content) in files {
            fs::write(code.join(name), content).unwrap();
        }
        fs::write(code.join("tool"), "t").unwrap();
        fs::set_permissions(code.join("tool"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink("lib/b.py", code.join("c.py")).unwrap();
        let zip = pack(code, SingleFile::UnderItsName).unwrap();
        let expected = [
            entry("c.py", 0o120_777, "lib/b.py"),
            entry("index.py", 0o100_644, "a"),
            entry("lib/b.py", 0o100_644, "b"),
            entry("tool", 0o100_755, "t"),
        ];
        assert_eq!(unpacked(&zip), expected);
        assert_eq!(zip, pack(code, SingleFile::UnderItsName).unwrap(), "equal files make equal bytes");
    }

    #[test]
    fn a_file_is_source_or_program_or_a_zip_already() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("resize.py");
        fs::write(&file, "x").unwrap();
        let source = pack(&file, SingleFile::of_runtime("python3.12")).unwrap();
        assert_eq!(unpacked(&source), [entry("resize.py", 0o100_644, "x")]);
        let program = pack(&file, SingleFile::of_runtime("custom.debian12")).unwrap();
        assert_eq!(unpacked(&program), [entry("bootstrap", 0o100_755, "x")]);
        let zip = home.path().join("code.zip");
        fs::write(&zip, &source).unwrap();
        assert_eq!(pack(&zip, SingleFile::AsBootstrap).unwrap(), source);
    }

    #[test]
    fn several_places_make_one_zip() {
        let home = tempfile::tempdir().unwrap();
        let (own, shared) = (home.path().join("own"), home.path().join("shared.py"));
        fs::create_dir(&own).unwrap();
        fs::write(own.join("index.py"), "a").unwrap();
        fs::write(&shared, "b").unwrap();
        let zip = pack_all(&[&own, &shared], SingleFile::UnderItsName).unwrap();
        assert_eq!(unpacked(&zip), [entry("index.py", 0o100_644, "a"), entry("shared.py", 0o100_644, "b")]);
        fs::write(own.join("shared.py"), "c").unwrap();
        let error = pack_all(&[&own, &shared], SingleFile::UnderItsName).unwrap_err().to_string();
        assert!(error.ends_with("another file has the same name in the function"), "{error}");
    }

    #[test]
    fn a_zip_goes_alone() {
        let home = tempfile::tempdir().unwrap();
        let (zip, shared) = (home.path().join("code.ZIP"), home.path().join("shared.py"));
        fs::write(&zip, "z").unwrap();
        fs::write(&shared, "s").unwrap();
        for paths in [[&zip, &shared], [&shared, &zip]] {
            let error = pack_all(&paths, SingleFile::UnderItsName).unwrap_err();
            assert_eq!(error.to_string(), format!("{} cannot be packed: a zip goes alone", zip.display()));
        }
        let directory = home.path().join("directory.zip");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("index.py"), "a").unwrap();
        let packed = pack_all(&[&directory, &shared], SingleFile::UnderItsName).unwrap();
        assert_eq!(
            unpacked(&packed),
            [entry("index.py", 0o100_644, "a"), entry("shared.py", 0o100_644, "s")]
        );
    }

    #[test]
    fn what_is_too_large_or_no_file_is_refused_unread() {
        let home = tempfile::tempdir().unwrap();
        // Files with holes: they are as long as they say, and take no space.
        let sized = |name: &str, bytes: u64| {
            let path = home.path().join(name);
            fs::File::create(&path).unwrap().set_len(bytes).unwrap();
            path
        };
        for path in [sized("huge.py", FILE_BYTES_MAX + 1), sized("huge.zip", ZIP_BYTES_MAX + 1)] {
            let error = pack(&path, SingleFile::UnderItsName).unwrap_err();
            assert!(matches!(error, PackageError::TooLarge { .. }), "{error}");
        }
        // Who read these would never come to an end.
        let endless = home.path().join("endless.zip");
        symlink("/dev/zero", &endless).unwrap();
        for path in [PathBuf::from("/dev/zero"), endless] {
            let error = pack(&path, SingleFile::UnderItsName).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{} cannot be packed: it is no regular file", path.display())
            );
        }
    }

    #[test]
    fn what_cannot_be_packed_is_named() {
        let home = tempfile::tempdir().unwrap();
        let empty = pack(home.path(), SingleFile::UnderItsName).unwrap_err();
        assert_eq!(empty.to_string(), format!("{} has no files", home.path().display()));
        let absent = home.path().join("absent");
        let error = pack(&absent, SingleFile::UnderItsName).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", absent.display()));
    }
}
