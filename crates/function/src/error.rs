//! Why an operation on a function was refused.

use kulkul_model::{FunctionName, InvalidName, Qualifier};
use kulkul_store::StoreError;

use crate::code::CodeCacheError;

/// What a caller of the control plane can do something about; one variant per documented error code.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// A value breaks a rule; the text says which, and names the field as it is called on the wire.
    #[error("{0}")]
    InvalidArgument(String),
    /// The code or payload is larger than it may be.
    #[error("payload size exceeds maximum allowed size ({bytes_max} bytes)")]
    EntityTooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// More of something than the account or function may have.
    #[error("{what} exceeds the limit of {count_max}")]
    LimitExceeded {
        /// What there would be too many of.
        what: &'static str,
        /// The limit.
        count_max: usize,
    },
    /// There is no such function.
    #[error("function '{0}' does not exist")]
    FunctionNotFound(FunctionName),
    /// There is a function of that name already.
    #[error("function '{0}' already exists")]
    FunctionAlreadyExists(FunctionName),
    /// The function still has triggers.
    #[error("function '{0}' has active triggers")]
    FunctionNotEmpty(FunctionName),
    /// The qualifier is a number, and there is no such version.
    #[error("version '{qualifier}' of function '{function}' does not exist")]
    VersionNotFound {
        /// The function.
        function: FunctionName,
        /// What was asked for.
        qualifier: Qualifier,
    },
    /// The qualifier is not a number, and there is no such alias.
    #[error("alias '{qualifier}' of function '{function}' does not exist")]
    AliasNotFound {
        /// The function.
        function: FunctionName,
        /// What was asked for.
        qualifier: Qualifier,
    },
    /// There is no such layer.
    #[error("layer '{0}' does not exist")]
    LayerNotFound(String),
    /// The function and qualifier have no settings for asynchronous invocation.
    #[error("async config of function '{function}' for qualifier '{qualifier}' does not exist")]
    AsyncConfigNotExists {
        /// The function.
        function: FunctionName,
        /// The qualifier.
        qualifier: Qualifier,
    },
    /// Somebody else changed the same thing at the same time, several times in a row.
    #[error("'{0}' is being changed by another request")]
    ConcurrentUpdate(String),
    /// The code could not be unpacked, for a reason that is not the code's.
    #[error("cannot unpack the code")]
    CodeCache(#[source] CodeCacheError),
    /// A stored document cannot be read.
    #[error("cannot read the stored document `{key}`")]
    Corrupt {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
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

impl FunctionError {
    /// A store's failure to do `action`; to be used with `map_err`.
    pub(crate) fn store(action: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self::Store { action, source }
    }

    /// Whether the same call can succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::ConcurrentUpdate(_) | Self::CodeCache(_) => true,
            Self::Store { source, .. } => source.is_retryable(),
            Self::InvalidArgument(_)
            | Self::EntityTooLarge { .. }
            | Self::LimitExceeded { .. }
            | Self::FunctionNotFound(_)
            | Self::FunctionAlreadyExists(_)
            | Self::FunctionNotEmpty(_)
            | Self::VersionNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::LayerNotFound(_)
            | Self::AsyncConfigNotExists { .. }
            | Self::Corrupt { .. } => false,
        }
    }
}

impl From<InvalidName> for FunctionError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

/// Shorthand for the commonest refusal.
pub(crate) fn invalid<T>(text: impl Into<String>) -> Result<T, FunctionError> {
    Err(FunctionError::InvalidArgument(text.into()))
}
