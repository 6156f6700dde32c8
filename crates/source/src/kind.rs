//! What makes the events of a registered source.

use std::mem::discriminant;

use crate::SourceError;

/// What makes the events of a registered source, with its settings: one variant for each kind that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// An application that puts events itself. There is nothing to set.
    Custom,
}

impl SourceKind {
    /// The word for it in logs and lists of ours.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Custom => "custom",
        }
    }

    /// The types of the events that it makes. Empty: nobody knows, since its owner chooses them.
    pub const fn event_types(&self) -> &'static [&'static str] {
        match self {
            Self::Custom => &[],
        }
    }

    /// The settings after an update: new ones for the old, of the same kind.
    pub(crate) fn updated(&self, new: Self) -> Result<Self, SourceError> {
        match discriminant(self) == discriminant(&new) {
            true => Ok(new),
            false => Err(SourceError::KindChanged { before: self.word(), after: new.word() }),
        }
    }
}
