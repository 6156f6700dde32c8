//! Why the registry refused.

use kulkul_bus::BusError;
use kulkul_catalog::AdditionsError;
use kulkul_model::BusName;
use kulkul_store::StoreError;

use crate::{AdditionName, SourceName};

/// What a caller can do something about.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A text is no name.
    #[error(
        "not a valid {what}: 1 to 127 letters, digits, `-`, `_` and `.`, starting with a letter or digit"
    )]
    InvalidName {
        /// What it was meant to be.
        what: &'static str,
    },
    /// The description is too long.
    #[error("the description has more than {chars_max} characters")]
    DescriptionTooLong {
        /// The limit.
        chars_max: usize,
    },
    /// There is an event source of that name, on this bus or another.
    #[error("event source `{name}` already exists on event bus `{bus}`")]
    AlreadyExists {
        /// The name.
        name: SourceName,
        /// Where it is.
        bus: BusName,
    },
    /// The bus has no such source.
    #[error("event bus `{bus}` has no event source `{name}`")]
    NotFound {
        /// The bus.
        bus: BusName,
        /// The name.
        name: SourceName,
    },
    /// A source keeps its kind.
    #[error(
        "an event source of kind `{before}` cannot become one of kind `{after}`; delete it and create another"
    )]
    KindChanged {
        /// The kind that it has.
        before: &'static str,
        /// The kind that was asked for.
        after: &'static str,
    },
    /// There are as many as there may be.
    #[error("there may be {count_max} {what}, no more")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        count_max: usize,
    },
    /// The bus still has sources.
    #[error("event bus `{bus}` still has {count} event sources")]
    BusHasSources {
        /// The bus.
        bus: BusName,
        /// How many.
        count: usize,
    },
    /// Additions to the catalog have errors. Nothing of them was taken.
    #[error("the catalog additions have errors: {0}")]
    Additions(AdditionsError),
    /// No additions are stored under that name.
    #[error("there are no catalog additions `{name}`")]
    AdditionNotFound {
        /// The name.
        name: AdditionName,
    },
    /// The bus refused.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A stored document cannot be read.
    #[error("cannot read the stored document `{key}`: {reason}")]
    Corrupt {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error("cannot {action}")]
    Store {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: StoreError,
    },
}

impl SourceError {
    /// A store's failure to do `action`; to be used with `map_err`.
    pub(crate) fn store(action: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self::Store { action, source }
    }

    /// Whether the same call can succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } | Self::Bus(BusError::Store(source)) => source.is_retryable(),
            Self::InvalidName { .. }
            | Self::DescriptionTooLong { .. }
            | Self::AlreadyExists { .. }
            | Self::NotFound { .. }
            | Self::KindChanged { .. }
            | Self::TooMany { .. }
            | Self::BusHasSources { .. }
            | Self::Additions(_)
            | Self::AdditionNotFound { .. }
            | Self::Bus(_)
            | Self::Corrupt { .. } => false,
        }
    }
}
