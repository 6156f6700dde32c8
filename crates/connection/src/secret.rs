//! Texts that are used and never shown.

use std::fmt;

/// What is shown instead of a secret. A client that sends it back means the secret that is there.
pub const MASK: &str = "******";

/// A secret text. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Box<str>);

impl SecretText {
    /// Takes over a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for sending it to where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is what is shown instead of a secret.
    pub(crate) fn is_mask(&self) -> bool {
        self.expose() == MASK
    }

    /// This secret, or `before` when this is a mask.
    pub(crate) fn or_kept(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if self.is_mask() => before.clone(),
            _ => self,
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
