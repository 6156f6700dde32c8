//! The deployment file `kulkul.yaml`: what shall be there.
//!
//! The file is read strictly, and everything that can be said without a server is said at once, with its place: what is
//! no YAML ends the reading (`yaml`), what has another shape than it should (`read`, `file`) and what cannot be meant
//! (`check`) do not.

mod check;
mod file;
mod read;
mod variables;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::functions::FunctionSettings;
use crate::rules::RuleSettings;
use crate::triggers::TriggerSettings;

pub use variables::Variables;

/// The name of the file in a directory.
pub const FILE_NAME: &str = "kulkul.yaml";

/// Ours; a file of thousands of functions is far below it.
const FILE_BYTES_MAX: usize = 4 << 20;

/// What shall be there, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Names of event buses with their descriptions.
    pub buses: Vec<(String, String)>,
    /// Names of buckets.
    pub buckets: Vec<String>,
    /// Functions.
    pub functions: Vec<ManifestFunction>,
    /// Rules by name, in order of the file.
    pub rules: Vec<(String, RuleSettings)>,
}

/// One function with its triggers.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestFunction {
    /// Its name.
    pub name: String,
    /// Where its code is: one place, or several that become one.
    pub code: Vec<PathBuf>,
    /// All its settings.
    pub settings: FunctionSettings,
    /// Its triggers by name.
    pub triggers: Vec<(String, TriggerSettings)>,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; absent when it is about the file as a whole.
    pub line: Option<u64>,
    /// The names that lead there, such as `functions.resize.timeout`; empty when it is about the file as a whole.
    pub path: String,
    /// What is wrong.
    pub text: String,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has problems.
    #[error("{}", listed(path, problems))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// All that was found, in order of line.
        problems: Vec<Problem>,
    },
}

impl Manifest {
    /// Reads a file, or the `kulkul.yaml` of a directory. Paths in it are relative to where it lies.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or with all its problems, each with its place.
    pub fn read(path: &Path, variables: &Variables<'_>) -> Result<Self, ManifestError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let unreadable = |source| ManifestError::Unreadable { path: path.clone(), source };
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &directory, variables)
            .map_err(|problems| ManifestError::Wrong { path: path.clone(), problems })
    }

    fn parse(text: &str, directory: &Path, variables: &Variables<'_>) -> Result<Self, Vec<Problem>> {
        if text.len() > FILE_BYTES_MAX {
            let text = format!("a file may have at most {FILE_BYTES_MAX} bytes");
            return Err(vec![Problem { line: None, path: String::new(), text }]);
        }
        let (file, problems) = file::parse(text).map_err(|problem| vec![problem])?;
        check::check(file, problems, directory, variables)
    }
}

fn listed(path: &Path, problems: &[Problem]) -> String {
    let line = |problem: &Problem| match problem.line {
        Some(_) => format!("{}:{problem}", path.display()),
        None => format!("{}: {problem}", path.display()),
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
