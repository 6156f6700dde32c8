//! A function as its owner knows it.

use kulkul_model::{FunctionName, Timestamp};
use kulkul_store::Digest;

use crate::error::invalid;
use crate::settings::text;
use crate::{CodeSource, FunctionError, Settings, SettingsPatch};

/// A function: its settings and its code.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The name, unique in the account.
    pub name: FunctionName,
    /// A UUID that no other function has or had.
    pub id: String,
    /// The settings.
    pub settings: Settings,
    /// The tags, in the order given.
    pub tags: Vec<Tag>,
    /// The code.
    pub code: CodeInfo,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings or code were changed last.
    pub modified_at: Timestamp,
}

/// What is known of the code of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// The SHA-256 of the zip: the name of its blob.
    pub digest: Digest,
    /// The size of the zip.
    pub bytes: u64,
    /// The CRC-64 of the zip; on the wire in decimal.
    pub crc64: u64,
}

/// A key and value that an owner attaches to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A function to create.
#[derive(Clone, Debug)]
pub struct NewFunction {
    /// Its name.
    pub name: FunctionName,
    /// Its settings; at least the runtime.
    pub settings: SettingsPatch,
    /// Its code.
    pub code: CodeSource,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// What to change of a function. What is absent stays.
#[derive(Clone, Debug, Default)]
pub struct FunctionUpdate {
    /// The settings.
    pub settings: SettingsPatch,
    /// The code.
    pub code: Option<CodeSource>,
}

/// Source: Function Compute 2023-03-30, limits of tags.
const TAG_COUNT_MAX: usize = 20;
const TAG_KEY_CHARS_MAX: usize = 64;
const TAG_VALUE_CHARS_MAX: usize = 128;

/// Refuses tags that break the documented limits.
pub(crate) fn check_tags(tags: &[Tag]) -> Result<(), FunctionError> {
    if tags.len() > TAG_COUNT_MAX {
        return Err(FunctionError::LimitExceeded { what: "the number of tags", count_max: TAG_COUNT_MAX });
    }
    for (index, tag) in tags.iter().enumerate() {
        text("tag key", tag.key.clone(), TAG_KEY_CHARS_MAX)?;
        text("tag value", tag.value.clone(), TAG_VALUE_CHARS_MAX)?;
        if tag.key.is_empty() {
            return invalid("a tag must have a key");
        }
        if tags[..index].iter().any(|earlier| earlier.key == tag.key) {
            return invalid(format!("tag '{}' is there twice", tag.key));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_few_short_and_distinct() {
        let tag = |key: &str| Tag { key: key.into(), value: "v".into() };
        assert!(check_tags(&[tag("a"), tag("b")]).is_ok());
        assert!(check_tags(&[tag("a"), tag("a")]).is_err());
        assert!(check_tags(&[tag("")]).is_err());
        assert!(check_tags(&[tag(&"k".repeat(65))]).is_err());
        let many: Vec<Tag> = (0..21).map(|n| tag(&n.to_string())).collect();
        assert!(matches!(check_tags(&many), Err(FunctionError::LimitExceeded { .. })));
    }
}
