//! The documents list every error code that the program can answer with.

use std::path::Path;

/// The files that hold all codes of one API each.
const SOURCES: &[&str] = &[
    "crates/api/src/fc/error.rs",
    "crates/api/src/eventbridge/error.rs",
    "crates/objects/src/error.rs",
    "crates/api/src/receive/error.rs",
    "crates/api/src/queue/error.rs",
];

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

fn looks_like_a_code(word: &str) -> bool {
    let first = word.chars().next().is_some_and(|c| c.is_ascii_uppercase());
    first && word.len() > 3 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
}
