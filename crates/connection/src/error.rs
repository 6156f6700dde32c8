//! Why an operation on connections or API destinations was refused.

use kulkul_model::{ApiDestinationName, ConnectionName};
use kulkul_store::StoreError;

/// Why an operation was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// There is no such connection.
    #[error("the connection [{name}] not existed!")]
    UnknownConnection {
        /// The name asked for.
        name: ConnectionName,
    },
    /// There is a connection of this name.
    #[error("the connection [{name}] already exists")]
    ConnectionExists {
        /// The name.
        name: ConnectionName,
    },
    /// API destinations use the connection.
    #[error("the connection [{name}] is used by the API destination [{destination}]")]
    ConnectionInUse {
        /// The connection.
        name: ConnectionName,
        /// One of them.
        destination: ApiDestinationName,
    },
    /// There are as many connections as there may be.
    #[error("there are {count_max} connections, which is the limit")]
    TooManyConnections {
        /// The limit.
        count_max: usize,
    },
    /// The credentials cannot be used.
    #[error("AuthParameters: {problem}")]
    BadAuthorization {
        /// What is wrong.
        problem: String,
    },
    /// There is no such API destination.
    #[error("the API destination [{name}] not existed!")]
    UnknownDestination {
        /// The name asked for.
        name: ApiDestinationName,
    },
    /// There is an API destination of this name.
    #[error("the API destination [{name}] already exists")]
    DestinationExists {
        /// The name.
        name: ApiDestinationName,
    },
    /// There are as many API destinations as there may be.
    #[error("there are {count_max} API destinations, which is the limit")]
    TooManyDestinations {
        /// The limit.
        count_max: usize,
    },
    /// The address or method of an API destination cannot be used.
    #[error("HttpApiParameters: {problem}")]
    BadDestination {
        /// What is wrong.
        problem: String,
    },
    /// A text is longer than its limit.
    #[error("{what} is longer than {char_count_max} characters")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The limit.
        char_count_max: usize,
    },
    /// The store failed.
    #[error("the change cannot be stored")]
    Store(#[from] StoreError),
}
