//! The rules of environment variables.

use super::Environment;
use crate::FunctionError;
use crate::error::invalid;

/// Source: Function Compute 2023-03-30, `CreateFunctionInput.environmentVariables` and the limits page.
const BYTES_MAX: usize = 4096;

/// Refuses names that a shell could not set, names that belong to the platform, and too much of it all.
pub(super) fn check(variables: &Environment) -> Result<(), FunctionError> {
    for (name, value) in variables {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let shown: String = name.chars().take(64).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(word) {
            return invalid(format!(
                "environment variable '{shown}' must start with a letter and have only letters, digits and _"
            ));
        }
        if name.starts_with("FC_") {
            return invalid(format!(
                "environment variable '{shown}' is reserved: names with FC_ are the platform's"
            ));
        }
        if value.contains('\0') {
            return invalid(format!("the value of environment variable '{shown}' contains a zero byte"));
        }
    }
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > BYTES_MAX {
        return invalid(format!(
            "environmentVariables take {bytes} bytes, more than the limit of {BYTES_MAX}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_size_are_checked() {
        let long = "x".repeat(BYTES_MAX);
        let table = [
            ("LEVEL", "info", None),
            ("a1_B", "", None),
            ("1A", "x", Some("must start with a letter")),
            ("_A", "x", Some("must start with a letter")),
            ("A-B", "x", Some("only letters, digits")),
            ("", "x", Some("must start with a letter")),
            ("FC_REGION", "x", Some("is reserved")),
            ("A", "x\0y", Some("zero byte")),
            ("A", long.as_str(), Some("4097 bytes, more than the limit of 4096")),
        ];
        for (name, value, reason) in table {
            let checked = check(&Environment::from([(name.to_owned(), value.to_owned())]));
            let error = checked.err().map(|e| e.to_string());
            assert_eq!(error.is_some(), reason.is_some(), "{name}: {error:?}");
            assert!(error.unwrap_or_default().contains(reason.unwrap_or_default()), "{name}");
        }
    }
}
