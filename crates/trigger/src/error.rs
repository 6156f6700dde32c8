//! Why an operation on a trigger was refused.

use kulkul_bus::BusError;
use kulkul_function::FunctionError;
use kulkul_model::{FunctionName, InvalidName, TriggerName};
use kulkul_store::StoreError;

/// What a caller can do something about; one variant per documented error code.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// A value breaks a rule; the text says which, and names the member as it is called on the wire.
    #[error("{0}")]
    InvalidArgument(String),
    /// The function or its qualifier is not there.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// There is no such trigger.
    #[error("trigger '{trigger}' does not exist in function '{function}'")]
    TriggerNotFound {
        /// The function.
        function: FunctionName,
        /// The trigger.
        trigger: TriggerName,
    },
    /// The function has a trigger of that name already.
    #[error("trigger '{trigger}' already exists in function '{function}'")]
    TriggerAlreadyExists {
        /// The function.
        function: FunctionName,
        /// The trigger.
        trigger: TriggerName,
    },
    /// The rule that the trigger would have belongs to somebody else.
    #[error("'{source_arn}' belongs to another trigger or rule")]
    EventBridgeTriggerConflict {
        /// The ARN of the rule.
        source_arn: String,
    },
    /// The function has as many triggers as it may have.
    #[error("function '{function}' has {count_max} triggers, the limit")]
    LimitExceeded {
        /// The function.
        function: FunctionName,
        /// The limit.
        count_max: usize,
    },
    /// Somebody else changed the same trigger at the same time.
    #[error("'{0}' is being changed by another request")]
    ConcurrentUpdate(String),
    /// A stored document cannot be read.
    #[error("cannot read the stored document `{key}`")]
    Corrupt {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The rule could not be written, for a reason that is not the trigger's.
    #[error("cannot {action}")]
    Rule {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: BusError,
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

impl TriggerError {
    /// A store's failure to do `action`; to be used with `map_err`.
    pub(crate) fn store(action: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self::Store { action, source }
    }

    /// Whether the same call can succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::ConcurrentUpdate(_) => true,
            Self::Function(error) => error.is_retryable(),
            Self::Store { source, .. } | Self::Rule { source: BusError::Store(source), .. } => {
                source.is_retryable()
            }
            Self::InvalidArgument(_)
            | Self::TriggerNotFound { .. }
            | Self::TriggerAlreadyExists { .. }
            | Self::EventBridgeTriggerConflict { .. }
            | Self::LimitExceeded { .. }
            | Self::Corrupt { .. }
            | Self::Rule { .. } => false,
        }
    }
}

impl From<InvalidName> for TriggerError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

/// Shorthand for the commonest refusal.
pub(crate) fn invalid<T>(text: impl Into<String>) -> Result<T, TriggerError> {
    Err(TriggerError::InvalidArgument(text.into()))
}
