//! The runtimes that a function can be written for.

use std::fmt;
use std::str::FromStr;

use crate::FunctionError;

/// A runtime, by its wire name.
///
/// Source: Function Compute 2023-03-30, `CreateFunctionInput.runtime`; other minor versions of Python and major
/// versions of Node.js than the cloud's are accepted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// `python3`, which is 3.6 in the cloud, or `python3.{minor}`.
    Python {
        /// The minor version, when one was named.
        minor: Option<u8>,
    },
    /// `nodejs{major}`.
    Node {
        /// The major version.
        major: u8,
    },
    /// `custom` or `custom.debian{release}`: any program that speaks HTTP.
    Custom {
        /// The Debian release, when one was named. It changes nothing but the names of some environment variables.
        debian: Option<u8>,
    },
}

impl Runtime {
    /// Whether the code brings its own server.
    pub fn is_custom(self) -> bool {
        matches!(self, Self::Custom { .. })
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python { minor: None } => f.write_str("python3"),
            Self::Python { minor: Some(minor) } => write!(f, "python3.{minor}"),
            Self::Node { major } => write!(f, "nodejs{major}"),
            Self::Custom { debian: None } => f.write_str("custom"),
            Self::Custom { debian: Some(release) } => write!(f, "custom.debian{release}"),
        }
    }
}

impl FromStr for Runtime {
    type Err = FunctionError;

    fn from_str(text: &str) -> Result<Self, FunctionError> {
        // Digits only and no leading zero, so that a runtime has one spelling.
        let number = |digits: &str| {
            let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u8>().ok().filter(|_| plain && !digits.starts_with('0'))
        };
        let known = match text {
            "python3" => Some(Self::Python { minor: None }),
            "custom" => Some(Self::Custom { debian: None }),
            _ => None
                .or_else(|| {
                    let minor = number(text.strip_prefix("python3.")?)?;
                    (minor >= 6).then_some(Self::Python { minor: Some(minor) })
                })
                .or_else(|| {
                    let major = number(text.strip_prefix("nodejs")?)?;
                    (major >= 8).then_some(Self::Node { major })
                })
                .or_else(|| {
                    let release = number(text.strip_prefix("custom.debian")?)?;
                    (10..=12).contains(&release).then_some(Self::Custom { debian: Some(release) })
                }),
        };
        known.ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            FunctionError::InvalidArgument(format!(
                "runtime '{shown}' is not supported; supported: python3, python3.6 and later, nodejs8 and later, \
                 custom, custom.debian10, custom.debian11, custom.debian12"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_its_wire_name() {
        for text in ["python3", "python3.9", "python3.12", "nodejs20", "custom", "custom.debian11"] {
            assert_eq!(text.parse::<Runtime>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_runtimes_are_refused_by_name() {
        let others =
            ["", "python2.7", "python3.5", "python3.09", "nodejs6", "nodejs020", "nodejs+9", "java11"];
        for text in others.into_iter().chain(["custom-container", "custom.debian9", "custom.debian"]) {
            let error = text.parse::<Runtime>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("runtime '{text}' is not supported")), "{error}");
        }
    }
}
