//! Reading the additions that users keep as files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{AdditionFault, AdditionsError, CatalogAdditions};

/// The bounds on a directory of additions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadLimits {
    /// How many files may be there.
    pub file_count_max: usize,
    /// How large one of them may be.
    pub file_bytes_max: u64,
}

impl Default for LoadLimits {
    /// 256 files of 1 MiB each. Ours.
    fn default() -> Self {
        Self { file_count_max: 256, file_bytes_max: 1024 * 1024 }
    }
}

impl CatalogAdditions {
    /// Reads every `*.json` and `*.toml` file of a directory, in order of name, so that of two files that speak of
    /// the same thing the later one counts. Other files, and names that begin with a dot, are left alone. A directory
    /// that is not there adds nothing.
    ///
    /// Blocks while it reads. One bad file refuses all of them; the error then lists every bad file.
    pub fn from_directory(directory: &Path, limits: &LoadLimits) -> Result<Self, AdditionsError> {
        let files = match files(directory) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(AdditionsError::one(unreadable(directory, &error))),
        };
        if files.len() > limits.file_count_max {
            let (count, max) = (files.len(), limits.file_count_max);
            return Err(AdditionsError::one(fault(
                directory,
                format!("{count} files, more than the limit of {max}"),
            )));
        }
        let (mut additions, mut faults) = (Self::default(), Vec::new());
        for file in &files {
            match read(file, limits) {
                Ok(found) => additions.extend(found),
                Err(mut error) => faults.append(&mut error.faults),
            }
        }
        if faults.is_empty() { Ok(additions) } else { Err(AdditionsError { faults }) }
    }
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let known = path.extension().is_some_and(|extension| extension == "json" || extension == "toml");
        if known && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path, limits: &LoadLimits) -> Result<CatalogAdditions, AdditionsError> {
    let text = bounded_text(file, limits.file_bytes_max)
        .map_err(|error| AdditionsError::one(unreadable(file, &error)))?
        .ok_or_else(|| {
            let reason = format!("has more than {} bytes", limits.file_bytes_max);
            AdditionsError::one(fault(file, reason))
        })?;
    let name = file.display().to_string();
    match file.extension().is_some_and(|extension| extension == "toml") {
        true => CatalogAdditions::parse_toml(&name, &text),
        false => CatalogAdditions::parse_json(&name, &text),
    }
}

/// `None` when the file is larger than the limit. What a file claims about its size is not believed.
fn bounded_text(file: &Path, bytes_max: u64) -> io::Result<Option<String>> {
    // A pipe would let the caller wait for ever.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
        return Ok(None);
    }
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))
}

fn unreadable(path: &Path, error: &io::Error) -> AdditionFault {
    fault(path, format!("cannot be read: {error}"))
}

fn fault(path: &Path, reason: String) -> AdditionFault {
    AdditionFault { file: path.display().to_string(), line: None, column: None, reason }
}
