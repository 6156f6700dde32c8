//! Names that users choose.

use std::fmt;
use std::str::FromStr;

use crate::SourceError;

/// The name of an event source that is registered on a bus, unique in the account.
///
/// 1 to 127 letters, digits, `-`, `_` and `.`, starting with a letter or digit.
/// Source: EventBridge 2020-04-01, names and limits; the union of the editions is accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(String);

/// The name that additions to the catalog are stored under; same form as [`SourceName`]. Ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdditionName(String);

macro_rules! name {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = SourceError;

            fn from_str(text: &str) -> Result<Self, SourceError> {
                match is_word(text) {
                    true => Ok(Self(text.to_owned())),
                    false => Err(SourceError::InvalidName { what: $what }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(SourceName, "event source name");
name!(AdditionName, "name of catalog additions");

fn is_word(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 127
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        let long = "x".repeat(127);
        for good in ["a", "1", "my.shop-2_b", &long] {
            assert!(good.parse::<SourceName>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a b", "a/b", "ä", &format!("{long}x")] {
            assert!(bad.parse::<SourceName>().is_err(), "{bad}");
        }
    }
}
