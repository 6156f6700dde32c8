//! Why a request got no answer.

use std::net::IpAddr;
use std::time::Duration;

/// Why a request got no answer. Whatever was answered is no error here.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The request cannot be sent, such as for a header that HTTP does not allow.
    #[error("the request cannot be written")]
    BadRequest(#[source] http::Error),
    /// The name has no address.
    #[error("cannot resolve `{host}`")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: std::io::Error,
    },
    /// None of the name's addresses may be connected to.
    #[error("requests to {address} are not allowed; `allow_targets` (KULKUL_ALLOW_TARGETS) decides")]
    Forbidden {
        /// One of the addresses.
        address: IpAddr,
    },
    /// The trusted certificates cannot be used.
    #[error("cannot prepare TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection failed, or TLS did.
    #[error("cannot connect")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The exchange broke off or was not HTTP.
    #[error("the exchange failed")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There was no complete answer in time.
    #[error("no answer within {limit:?}")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
}

impl OutboundError {
    /// Whether the same request can succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::BadRequest(_) => false,
            Self::Tls(_)
            | Self::Unresolved { .. }
            | Self::Forbidden { .. }
            | Self::Connect(_)
            | Self::Exchange(_)
            | Self::TimedOut { .. } => true,
        }
    }
}

/// Finds one of our own errors in the chain of causes that the client wraps around it.
pub(crate) fn from_client(error: hyper_util::client::legacy::Error) -> OutboundError {
    let is_connect = error.is_connect();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<crate::connect::Refused>() {
            return refused.to_error();
        }
        cause = inner.source();
    }
    match is_connect {
        true => OutboundError::Connect(Box::new(error)),
        false => OutboundError::Exchange(Box::new(error)),
    }
}
