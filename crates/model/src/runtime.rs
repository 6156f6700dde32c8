//! What a function is written for.

use std::fmt;
use std::str::FromStr;

/// The language and version a function is written for.
///
/// Source: Function Compute 2023-03-30, `CreateFunctionInput.runtime`; the names beyond that list are accepted in
/// the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// A Python function; `minor` is the second part of the version, 6 for `python3`.
    Python {
        /// The number after `3.`.
        minor: u8,
    },
    /// A Node.js function.
    Node {
        /// The major version.
        major: u8,
    },
    /// A program that serves HTTP.
    Custom(CustomBase),
    /// A runtime of the cloud that this server does not offer.
    NotOffered(NotOffered),
}

/// The system image for which a custom runtime was built; here they all run on the machine's own system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustomBase {
    /// `custom`.
    Unnamed,
    /// `custom.debian10`.
    Debian10,
    /// `custom.debian11`.
    Debian11,
    /// `custom.debian12`.
    Debian12,
}

/// Runtimes that exist in the cloud and not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotOffered(&'static str);

/// A text that names no runtime of the cloud.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown runtime `{0}`")]
pub struct UnknownRuntime(pub String);

const NOT_OFFERED: [&str; 9] = [
    "go1",
    "java8",
    "java11",
    "php7.2",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "custom-container",
    "python2.7",
    "micro-sandbox",
];

/// The names of the runtimes that this server offers, for people.
pub const OFFERED_RUNTIMES: &str = "python3, python3.6 and later, nodejs8 and later, custom, custom.debian10, \
                                    custom.debian11, custom.debian12";

impl Runtime {
    /// Whether this server offers it.
    pub fn is_offered(self) -> bool {
        !matches!(self, Runtime::NotOffered(_))
    }

    /// Whether one instance may serve several requests at once.
    ///
    /// Source: Function Compute 2023-03-30, `instanceConcurrency`: above 1 only for custom runtimes.
    pub fn serves_concurrently(self) -> bool {
        matches!(self, Runtime::Custom(_))
    }
}

impl FromStr for Runtime {
    type Err = UnknownRuntime;

    fn from_str(text: &str) -> Result<Self, UnknownRuntime> {
        let number = |digits: &str| digits.parse::<u8>().ok();
        let known = match text {
            "python3" => Some(Runtime::Python { minor: 6 }),
            "custom" => Some(Runtime::Custom(CustomBase::Unnamed)),
            "custom.debian10" => Some(Runtime::Custom(CustomBase::Debian10)),
            "custom.debian11" => Some(Runtime::Custom(CustomBase::Debian11)),
            "custom.debian12" => Some(Runtime::Custom(CustomBase::Debian12)),
            _ => NOT_OFFERED
                .iter()
                .find(|name| **name == text)
                .map(|name| Runtime::NotOffered(NotOffered(name))),
        };
        let versioned = || {
            if let Some(minor) = text.strip_prefix("python3.").and_then(number) {
                return (6..=19).contains(&minor).then_some(Runtime::Python { minor });
            }
            let major = text.strip_prefix("nodejs").and_then(number)?;
            (8..=30).contains(&major).then_some(Runtime::Node { major })
        };
        known.or_else(versioned).ok_or_else(|| UnknownRuntime(text.to_owned()))
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Runtime::Python { minor: 6 } => f.write_str("python3"),
            Runtime::Python { minor } => write!(f, "python3.{minor}"),
            Runtime::Node { major } => write!(f, "nodejs{major}"),
            Runtime::Custom(CustomBase::Unnamed) => f.write_str("custom"),
            Runtime::Custom(CustomBase::Debian10) => f.write_str("custom.debian10"),
            Runtime::Custom(CustomBase::Debian11) => f.write_str("custom.debian11"),
            Runtime::Custom(CustomBase::Debian12) => f.write_str("custom.debian12"),
            Runtime::NotOffered(NotOffered(name)) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_known_by_their_wire_names() {
        let table = [
            ("python3", Some(Runtime::Python { minor: 6 })),
            ("python3.10", Some(Runtime::Python { minor: 10 })),
            ("nodejs20", Some(Runtime::Node { major: 20 })),
            ("custom.debian11", Some(Runtime::Custom(CustomBase::Debian11))),
            ("go1", Some(Runtime::NotOffered(NotOffered("go1")))),
            ("python3.x", None),
            ("python4", None),
            ("nodejs", None),
            ("nodejs7", None),
            ("Custom", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse().ok(), expected, "{text}");
            if let Some(runtime) = expected {
                assert_eq!(runtime.to_string(), text);
            }
        }
        let error = "cobol".parse::<Runtime>().unwrap_err();
        assert_eq!(error.to_string(), "unknown runtime `cobol`");
    }
}
