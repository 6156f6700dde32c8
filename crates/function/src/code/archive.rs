//! Reads the directory of a zip and decides whether it may be unpacked, before anything is written.
//!
//! What the directory says of sizes is a claim; [`super::unpack`] bounds what really comes out.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use bytes::Bytes;
use zip::ZipArchive;
use zip::result::ZipError;

use super::links;

/// The limits on one zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// The size of the zip. Source: Function Compute, limits page: 500 MB from a bucket.
    pub zip_bytes_max: u64,
    /// Files, directories and links together.
    pub entry_count_max: usize,
    /// The size of everything unpacked.
    pub unpacked_bytes_max: u64,
    /// Unpacked size over zip size, once the unpacked size is more than [`ArchiveLimits::ratio_free_bytes`].
    pub ratio_max: u64,
    /// An unpacked size that no ratio makes suspicious.
    pub ratio_free_bytes: u64,
}

impl Default for ArchiveLimits {
    /// The numbers other than the first are ours: the cloud documents none.
    fn default() -> Self {
        Self {
            zip_bytes_max: 500 * 1024 * 1024,
            entry_count_max: 50_000,
            unpacked_bytes_max: 2 * 1024 * 1024 * 1024,
            ratio_max: 200,
            ratio_free_bytes: 64 * 1024 * 1024,
        }
    }
}

impl ArchiveLimits {
    /// How much may come out of a zip of so many bytes.
    pub(super) fn unpacked_bytes_max_of(&self, zip_bytes: u64) -> u64 {
        let by_ratio = zip_bytes.saturating_mul(self.ratio_max).max(self.ratio_free_bytes);
        by_ratio.min(self.unpacked_bytes_max)
    }
}

/// Why a zip was refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not a zip, or a damaged one.
    #[error("the code is not a valid zip file: {0}")]
    NotAZip(String),
    /// It has nothing in it.
    #[error("the zip file is empty")]
    Empty,
    /// It is larger than allowed.
    #[error("the zip file has {bytes} bytes, more than the limit of {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// It has too many entries.
    #[error("the zip file has more than {count_max} entries")]
    TooManyEntries {
        /// The limit.
        count_max: usize,
    },
    /// More comes out of it than allowed, in all or for its size.
    #[error("the zip file unpacks to more than {bytes_max} bytes, the limit for its size")]
    Bomb {
        /// The limit.
        bytes_max: u64,
    },
    /// An entry is named in a way that is refused.
    #[error("the zip file has an entry '{name}' that {problem}")]
    Entry {
        /// Its name, shortened and without control characters.
        name: String,
        /// What is wrong, as a predicate.
        problem: &'static str,
    },
}

/// What is to be unpacked: entries by path, each path relative and without `.`, `..` and empty segments.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) directories: Vec<String>,
    pub(super) files: Vec<PlannedFile>,
    /// Link path to target.
    pub(super) links: BTreeMap<String, String>,
}

/// One file to unpack.
#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) path: String,
    /// Its place in the archive.
    pub(super) index: usize,
    pub(super) executable: bool,
}

/// The bytes of the header that starts each entry of a zip's directory.
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

const PATH_BYTES_MAX: usize = 1024;
const SEGMENT_BYTES_MAX: usize = 255;
const LINK_BYTES_MAX: u64 = 4096;

/// The bits of a Unix mode.
const EXECUTABLE: u32 = 0o111;

/// Checks a zip without unpacking it.
pub fn check_archive(zip: &Bytes, limits: &ArchiveLimits) -> Result<(), ArchiveError> {
    read(zip, limits).map(drop)
}

pub(super) type Archive = ZipArchive<Cursor<Bytes>>;

/// Reads the directory and plans the unpacking.
pub(super) fn read(zip: &Bytes, limits: &ArchiveLimits) -> Result<(Archive, Plan), ArchiveError> {
    let bytes = zip.len() as u64;
    if bytes > limits.zip_bytes_max {
        return Err(ArchiveError::TooLarge { bytes, bytes_max: limits.zip_bytes_max });
    }
    let too_many = || ArchiveError::TooManyEntries { count_max: limits.entry_count_max };
    // The parser keeps a few hundred bytes for each entry, so look before it does. Stored zips within the zip have
    // such headers too: hence the allowance.
    let headers =
        memchr::memmem::find_iter(zip, DIRECTORY_ENTRY).take(limits.entry_count_max * 4 + 1).count();
    if headers > limits.entry_count_max * 4 {
        return Err(too_many());
    }
    let mut archive = ZipArchive::new(Cursor::new(zip.clone())).map_err(not_a_zip)?;
    if archive.len() > limits.entry_count_max {
        return Err(too_many());
    }
    if archive.is_empty() {
        return Err(ArchiveError::Empty);
    }
    if archive.has_duplicate_names() {
        return Err(ArchiveError::NotAZip("two entries have the same name".to_owned()));
    }
    // Entries that share bytes let a small zip unpack to a huge tree.
    if archive.has_overlapping_files().map_err(not_a_zip)? {
        return Err(ArchiveError::NotAZip("entries overlap".to_owned()));
    }
    let plan = plan(&mut archive, limits.unpacked_bytes_max_of(bytes))?;
    Ok((archive, plan))
}

pub(super) fn not_a_zip(error: ZipError) -> ArchiveError {
    ArchiveError::NotAZip(error.to_string())
}

fn plan(archive: &mut Archive, unpacked_bytes_max: u64) -> Result<Plan, ArchiveError> {
    let mut claimed: u64 = 0;
    // What each path is, so that no entry can be written through a file or a link.
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let mut plan = Plan { directories: Vec::new(), files: Vec::new(), links: BTreeMap::new() };
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(not_a_zip)?;
        let name = match std::str::from_utf8(entry.name_raw()) {
            Ok(name) => name.to_owned(),
            Err(_) => entry.name().map_err(not_a_zip)?.into_owned(),
        };
        let refuse = |problem| refused(&name, problem);
        if entry.encrypted() {
            return Err(refuse("is encrypted"));
        }
        claimed = claimed.saturating_add(entry.size());
        if claimed > unpacked_bytes_max {
            return Err(ArchiveError::Bomb { bytes_max: unpacked_bytes_max });
        }
        let mode = entry.unix_mode().unwrap_or(0o644);
        let kind = kind_of(mode, entry.is_dir(), entry.is_symlink()).map_err(refuse)?;
        let path = relative_path(&name).map_err(refuse)?;
        if path.is_empty() {
            // `./` names the root itself.
            match kind {
                Kind::Directory => continue,
                Kind::File | Kind::Link => return Err(refuse("has no name")),
            }
        }
        match (kinds.insert(path.clone(), kind), kind) {
            (None, _) | (Some(Kind::Directory), Kind::Directory) => {}
            (Some(_), _) => return Err(refuse("is there twice")),
        }
        match kind {
            Kind::Directory => plan.directories.push(path),
            Kind::File => {
                plan.files.push(PlannedFile { path, index, executable: mode & EXECUTABLE != 0 });
            }
            Kind::Link => {
                let target = link_target(archive, index).map_err(|error| {
                    error.unwrap_or(refused(&name, "is a link without a readable target"))
                })?;
                plan.links.insert(path, target);
            }
        }
    }
    let through = |path: &str| {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        parents.into_iter().any(|parent| kinds.get(parent).is_some_and(|kind| *kind != Kind::Directory))
    };
    if let Some(path) = kinds.keys().find(|path| through(path)) {
        return Err(refused(path, "lies below a file or link"));
    }
    if let Some((link, _)) = links::leaving(&plan.links) {
        return Err(refused(link, "is a link that leads out of the code"));
    }
    Ok(plan)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
}

fn kind_of(mode: u32, is_directory: bool, is_link: bool) -> Result<Kind, &'static str> {
    match mode & 0o170_000 {
        0o120_000 => Ok(Kind::Link),
        _ if is_link => Ok(Kind::Link),
        _ if is_directory => Ok(Kind::Directory),
        0 | 0o100_000 => Ok(Kind::File),
        0o040_000 => Ok(Kind::Directory),
        _ => Err("is neither a file, a directory nor a link"),
    }
}

/// The path of an entry with every `/` in its place. A zip made on Windows may separate by `\`.
fn relative_path(name: &str) -> Result<String, &'static str> {
    if name.len() > PATH_BYTES_MAX {
        return Err("has a path that is too long");
    }
    if name.contains('\0') {
        return Err("has a zero byte in its name");
    }
    if name.starts_with(['/', '\\']) {
        return Err("has an absolute path");
    }
    let mut path = String::with_capacity(name.len());
    for segment in name.split(['/', '\\']) {
        match segment {
            "" | "." => continue,
            ".." => return Err("has .. in its path"),
            _ if segment.len() > SEGMENT_BYTES_MAX => return Err("has a name that is too long"),
            _ => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(segment);
            }
        }
    }
    Ok(path)
}

/// Reads where a link leads. `Err(None)` when that cannot be read.
fn link_target(archive: &mut Archive, index: usize) -> Result<String, Option<ArchiveError>> {
    let mut target = String::new();
    let file = archive.by_index(index).map_err(|error| Some(not_a_zip(error)))?;
    file.take(LINK_BYTES_MAX + 1).read_to_string(&mut target).map_err(|_| None)?;
    let legible = !target.is_empty() && target.len() as u64 <= LINK_BYTES_MAX && !target.contains('\0');
    legible.then_some(target).ok_or(None)
}

fn refused(name: &str, problem: &'static str) -> ArchiveError {
    let shown = name.chars().take(128).map(|c| if c.is_control() { '?' } else { c }).collect();
    ArchiveError::Entry { name: shown, problem }
}
