//! Why a storage engine could not do what it was asked.

use std::sync::Arc;

/// What a caller can do something about. The cause is shared, since one failed commit answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The document is there already, or has changed since the revision that was given.
    #[error("`{key}` was changed by somebody else")]
    Conflict {
        /// Which document.
        key: String,
    },
    /// There is no such document, blob or object.
    #[error("there is no `{key}`")]
    NotFound {
        /// What was looked for.
        key: String,
    },
    /// There is no room left on the disk. Nothing was stored; reads go on.
    #[error("the disk is full")]
    Full {
        /// What the engine said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// An earlier commit failed, so the engine takes no more writes until it is opened anew.
    #[error("the store refuses writes since a commit failed: {reason}")]
    Poisoned {
        /// What went wrong then.
        reason: Arc<str>,
    },
    /// The engine was closed.
    #[error("the store is closed")]
    Closed,
    /// The engine has more waiting than it may hold.
    #[error("the store has too much waiting to be written")]
    Busy,
    /// What is on disk is not what this version writes.
    #[error("{what} has format {found}, this version reads {expected}")]
    Format {
        /// Which file.
        what: String,
        /// The format found.
        found: String,
        /// The format that this version reads.
        expected: String,
    },
    /// The engine failed.
    #[error("cannot {action}")]
    Engine {
        /// What was attempted, as a verb phrase.
        action: &'static str,
        /// What the engine said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// An engine's failure to do `action`.
    pub fn engine(action: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Engine { action, source: Arc::new(source) }
    }

    /// Whether the same call can succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy | Self::Full { .. } => true,
            Self::Conflict { .. }
            | Self::NotFound { .. }
            | Self::Poisoned { .. }
            | Self::Closed
            | Self::Format { .. }
            | Self::Engine { .. } => false,
        }
    }
}
