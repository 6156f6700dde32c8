//! The documents list every error code that the program can answer with.

use std::path::{Path, PathBuf};

/// The files that hold all codes of one API each.
const SOURCES: &[&str] = &[
    "crates/api/src/fc/error.rs",
    "crates/api/src/eventbridge/error.rs",
    "crates/objects/src/error.rs",
    "crates/api/src/receive/error.rs",
    "crates/api/src/queue/error.rs",
];

/// The constructors of errors that begin with a code.
const IN_PLACE: &[&str] = &["::business(", "::not_found("];

/// Words in the sources that look like codes.
const NO_CODES: &[&str] = &[
    "AKID",
    "AccessKeyId",
    "Authorization",
    "DelaySeconds",
    "Error",
    "HostId",
    "Key",
    "MaxReceiveCount",
    "MaximumMessageSize",
    "MessageBody",
    "MessageRetentionPeriod",
    "Messages",
    "PollingWaitSeconds",
    "Priority",
    "SecurityToken",
    "UserProperties",
    "VisibilityTimeout",
];

#[test]
fn every_error_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documented = std::fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let mut missing: Vec<String> = Vec::new();
    for source in SOURCES {
        let text = std::fs::read_to_string(root.join(source)).unwrap();
        // Tests come last in a file, and name codes of their own.
        let text = text.split("#[cfg(test)]").next().unwrap();
        let quoted = text.split('"').skip(1).step_by(2);
        let codes = quoted.filter(|word| looks_like_a_code(word) && !NO_CODES.contains(word));
        missing.extend(codes.filter(|code| !documented.contains(&format!("`{code}`"))).map(str::to_owned));
    }
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
}

/// An operation may refuse with a code that no other does; it has to be a literal, so that this test sees it.
#[test]
fn every_error_code_that_is_written_in_place_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documented = std::fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let mut seen_count = 0;
    let mut missing: Vec<String> = Vec::new();
    for source in rust_files(&root.join("crates/api/src")) {
        // These are read by the other test, and pass codes on.
        if SOURCES.iter().any(|known| source == root.join(known)) {
            continue;
        }
        let text = std::fs::read_to_string(&source).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for rest in IN_PLACE.iter().flat_map(|before| text.split(before).skip(1)) {
            let literal = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            let code = literal.unwrap_or_else(|| panic!("{}: a code is not a literal", source.display()));
            seen_count += 1;
            if !documented.contains(&format!("`{code}`")) {
                missing.push(code.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    assert!(seen_count > 20, "{seen_count} codes are written in place; are they written differently now?");
}

/// The files of a directory and of those below it.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn looks_like_a_code(word: &str) -> bool {
    let first = word.chars().next().is_some_and(|c| c.is_ascii_uppercase());
    first && word.len() > 3 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
}
