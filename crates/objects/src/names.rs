//! The names of buckets and the keys of objects.

use std::fmt;
use std::sync::Arc;

use crate::error::{Code, OssError};

/// The name of a bucket.
///
/// 3 to 63 lower-case letters, digits and `-`, the first and last a letter or digit.
/// Source: OSS, "Bucket naming conventions".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BucketName(Arc<str>);

/// The key of an object.
///
/// 1 to 1023 bytes of UTF-8, not starting with `/` or `\`, without NUL (ours). Everything else is legal and distinct:
/// nothing is ever normalised. Source: OSS, "Object naming conventions".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectKey(Arc<str>);

/// The longest key, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 1023;

impl BucketName {
    /// Checks a name.
    pub(crate) fn parse(text: &str) -> Result<Self, OssError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let valid = (3..=63).contains(&text.len())
            && text.bytes().all(legal)
            && !text.starts_with('-')
            && !text.ends_with('-');
        valid.then(|| Self(text.into())).ok_or_else(|| Code::InvalidBucketName.detail("BucketName", text))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl ObjectKey {
    /// Checks a key.
    pub(crate) fn parse(text: &str) -> Result<Self, OssError> {
        if text.len() > KEY_BYTES_MAX {
            return Err(Code::InvalidObjectName.with("The Length of Object name must be less than 1024."));
        }
        let valid = !text.is_empty() && !text.starts_with(['/', '\\']) && !text.contains('\0');
        valid.then(|| Self(text.into())).ok_or_else(|| Code::InvalidObjectName.detail("ObjectName", text))
    }

    /// Checks a key that may not even be text.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, OssError> {
        std::str::from_utf8(bytes).map_err(|_| Code::InvalidObjectName.into()).and_then(Self::parse)
    }

    /// The key as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rule() {
        let table = [
            ("abc", true),
            ("a-1", true),
            ("ab", false),
            ("-ab", false),
            ("ab-", false),
            ("aBc", false),
            ("a_b", false),
            ("a.b", false),
        ];
        for (name, valid) in table {
            assert_eq!(BucketName::parse(name).is_ok(), valid, "{name}");
        }
        assert!(BucketName::parse(&"a".repeat(63)).is_ok() && BucketName::parse(&"a".repeat(64)).is_err());
    }

    #[test]
    fn nearly_every_key_is_legal() {
        for key in ["a//b", "end/", "x/../y", "./a", "%20", "😀", "tab\there", "a\\b", &"ü".repeat(511)] {
            assert!(ObjectKey::parse(key).is_ok(), "{key}");
        }
        for key in ["", "/a", "\\a", "a\0b", &"ü".repeat(512)] {
            assert_eq!(ObjectKey::parse(key).unwrap_err().code, Code::InvalidObjectName, "{key}");
        }
        assert_eq!(ObjectKey::from_bytes(b"\xff").unwrap_err().code, Code::InvalidObjectName);
    }
}
