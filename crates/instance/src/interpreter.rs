//! Which interpreters the machine has, and which one runs a function.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use kulkul_model::Runtime;

use crate::config::RuntimeChoice;

/// A language with an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Python 3.
    Python,
    /// Node.js.
    Node,
}

/// The part of a version that a runtime names: `3.10` of Python, `20` of Node.js.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second number; 0 for Node.js.
    pub minor: u8,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            0 => write!(f, "{}", self.major),
            minor => write!(f, "{}.{minor}", self.major),
        }
    }
}

/// The interpreters of one machine: the first found of each version.
#[derive(Clone, Debug, Default)]
pub struct Interpreters {
    found: BTreeMap<(Language, Version), PathBuf>,
}

/// The interpreter that runs a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its executable.
    pub executable: PathBuf,
    /// Its version.
    pub version: Version,
    /// How well that fits.
    pub fit: Fit,
}

/// How well an interpreter fits a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is the version asked for.
    Exact,
    /// It is the nearest newer version.
    Newer,
    /// It is the nearest older version, since there is no newer one.
    Older,
}

impl Interpreters {
    /// Looks for interpreters: `first`, then what `PATH`, pyenv and nvm offer. Blocks; starts `python3` or `node` only
    /// where a file's name does not tell its version.
    pub fn discover(first: &[PathBuf]) -> Self {
        let mut interpreters = Self::default();
        for path in first.iter().cloned().chain(candidates()) {
            if let Some((language, version)) = identify(&path) {
                interpreters.add(language, version, path);
            }
        }
        interpreters
    }

    /// Adds one, unless its version is already there.
    pub fn add(&mut self, language: Language, version: Version, executable: PathBuf) {
        self.found.entry((language, version)).or_insert(executable);
    }

    /// All of them, by language and version.
    pub fn iter(&self) -> impl Iterator<Item = (Language, Version, &Path)> {
        self.found.iter().map(|((language, version), path)| (*language, *version, path.as_path()))
    }

    /// The one that runs functions of `runtime`; `None` when there is none, and for runtimes that need none.
    pub fn choose(&self, runtime: Runtime, choice: RuntimeChoice) -> Option<Choice> {
        let (language, wanted) = match runtime {
            Runtime::Python { minor } => (Language::Python, Version { major: 3, minor }),
            Runtime::Node { major } => (Language::Node, Version { major, minor: 0 }),
            Runtime::Custom(_) | Runtime::NotOffered(_) => return None,
        };
        let least = (language, Version { major: 0, minor: 0 });
        let most = (language, Version { major: u8::MAX, minor: u8::MAX });
        let exact_or_newer = self.found.range((language, wanted)..=most).next();
        let nearest = exact_or_newer.or_else(|| self.found.range(least..(language, wanted)).next_back());
        let ((_, version), executable) = nearest?;
        let fit = match version.cmp(&wanted) {
            std::cmp::Ordering::Equal => Fit::Exact,
            std::cmp::Ordering::Greater => Fit::Newer,
            std::cmp::Ordering::Less => Fit::Older,
        };
        if choice == RuntimeChoice::Strict && fit != Fit::Exact {
            return None;
        }
        Some(Choice { executable: executable.clone(), version: *version, fit })
    }

    /// The versions of a runtime's language, for a message such as `; found: 3.11`; empty when there are none.
    pub(crate) fn hint(&self, runtime: Runtime) -> String {
        let language = match runtime {
            Runtime::Node { .. } => Language::Node,
            Runtime::Python { .. } | Runtime::Custom(_) | Runtime::NotOffered(_) => Language::Python,
        };
        let versions: Vec<String> =
            self.iter().filter(|found| found.0 == language).map(|found| found.1.to_string()).collect();
        if versions.is_empty() { String::new() } else { format!("; found: {}", versions.join(", ")) }
    }
}

/// Files that may be interpreters, best first.
fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        let pyenv = std::env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
        directories.extend(versions_under(&pyenv.join("versions"), "bin"));
        directories.extend(versions_under(&home.join(".nvm/versions/node"), "bin"));
    }
    let mut files = Vec::new();
    for directory in directories {
        files.extend((6..=19).rev().map(|minor| directory.join(format!("python3.{minor}"))));
        files.push(directory.join("python3"));
        files.push(directory.join("node"));
    }
    files
}

fn versions_under(directory: &Path, inner: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path().join(inner)).collect();
    found.sort();
    found.reverse();
    found
}

/// The language and version of an executable; `None` when it is no interpreter.
///
/// Only programs count, no scripts: the shims that version managers put into `PATH` choose by directory and start slowly.
fn identify(path: &Path) -> Option<(Language, Version)> {
    let mut magic = [0; 4];
    std::fs::File::open(path).ok()?.read_exact(&mut magic).ok()?;
    if magic != *b"\x7fELF" {
        return None;
    }
    let name = path.file_name()?.to_str()?;
    if let Some(minor) = name.strip_prefix("python3.").and_then(|minor| minor.parse().ok()) {
        return Some((Language::Python, Version { major: 3, minor }));
    }
    let real = path.canonicalize().ok()?;
    let real_name = real.file_name()?.to_str()?;
    if let Some(minor) = real_name.strip_prefix("python3.").and_then(|minor| minor.parse().ok()) {
        return Some((Language::Python, Version { major: 3, minor }));
    }
    let output = std::process::Command::new(path).arg("--version").output().ok()?;
    parse_version(std::str::from_utf8(&output.stdout).ok()?)
}

/// Reads `Python 3.11.2` or `v20.20.2`.
fn parse_version(text: &str) -> Option<(Language, Version)> {
    let text = text.trim();
    let (language, numbers) = match text.strip_prefix("Python ") {
        Some(numbers) => (Language::Python, numbers),
        None => (Language::Node, text.strip_prefix('v')?),
    };
    let mut numbers = numbers.split('.').map(str::parse::<u8>);
    let major = numbers.next()?.ok()?;
    let minor = if language == Language::Python { numbers.next()?.ok()? } else { 0 };
    (language == Language::Node || major == 3).then_some((language, Version { major, minor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(python: &[u8], node: &[u8]) -> Interpreters {
        let mut found = Interpreters::default();
        for &minor in python {
            found.add(Language::Python, Version { major: 3, minor }, format!("/p/3.{minor}").into());
        }
        for &major in node {
            found.add(Language::Node, Version { major, minor: 0 }, format!("/n/{major}").into());
        }
        found
    }

    #[test]
    fn the_exact_version_wins_then_the_nearest_newer_then_the_nearest_older() {
        let found = machine(&[8, 11], &[18, 20]);
        let table = [
            ("python3.11", Some(("/p/3.11", Fit::Exact))),
            ("python3.9", Some(("/p/3.11", Fit::Newer))),
            ("python3", Some(("/p/3.8", Fit::Newer))),
            ("python3.12", Some(("/p/3.11", Fit::Older))),
            ("nodejs12", Some(("/n/18", Fit::Newer))),
            ("nodejs22", Some(("/n/20", Fit::Older))),
            ("custom", None),
            ("go1", None),
        ];
        for (runtime, expected) in table {
            let choice = found.choose(runtime.parse().unwrap(), RuntimeChoice::Nearest);
            let got = choice.as_ref().map(|c| (c.executable.to_str().unwrap(), c.fit));
            assert_eq!(got, expected, "{runtime}");
        }
        let strict = |runtime: &str| found.choose(runtime.parse().unwrap(), RuntimeChoice::Strict);
        assert_eq!(strict("python3.9"), None);
        assert_eq!(strict("nodejs20").unwrap().fit, Fit::Exact);
        assert_eq!(machine(&[], &[20]).choose("python3.9".parse().unwrap(), RuntimeChoice::Nearest), None);
        assert_eq!(found.hint("python3.9".parse().unwrap()), "; found: 3.8, 3.11");
    }

    #[test]
    fn versions_are_read_from_what_interpreters_print() {
        let python = |minor| Some((Language::Python, Version { major: 3, minor }));
        assert_eq!(parse_version("Python 3.11.2\n"), python(11));
        assert_eq!(parse_version("v20.20.2\n"), Some((Language::Node, Version { major: 20, minor: 0 })));
        assert_eq!(parse_version("Python 2.7.18\n"), None);
        assert_eq!(parse_version("bash 5"), None);
    }
}
