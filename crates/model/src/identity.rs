//! Whose server this is: one account in one region.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::names::InvalidName;

/// The account that owns everything on this server: 1 to 20 decimal digits, 16 in the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(Arc<str>);

/// A region id such as `cn-hangzhou`: lower-case letters, digits and `-`, at most 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region(Arc<str>);

/// The account and region that every ARN of this server carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl FromStr for AccountId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let valid = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| Self(text.into())).ok_or(InvalidName { what: "account id", rule: "1 to 20 digits" })
    }
}

impl FromStr for Region {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(legal);
        valid
            .then(|| Self(text.into()))
            .ok_or(InvalidName { what: "region", rule: "1 to 64 lower-case letters, digits and `-`" })
    }
}

impl AccountId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// The region id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
