//! Webhook sources: an HTTP request that knows the token becomes an event.
//!
//! This decides whether a request is taken and what event it is; who serves HTTP asks.
//!
//! Source: EventBridge 2020-04-01, `SourceHttpEventParameters`; Apache RocketMQ EventBridge, from which the service
//! descends, for the order of the checks and the layout of the event.

mod address;
mod document;
mod event;
mod index;
mod settings;
mod signature;

pub use address::Network;
pub(crate) use document::StoredWebhook;
pub(crate) use event::EVENT_TYPE;
pub use event::WebhookRequest;
pub use index::Webhooks;
pub use settings::{InvalidWebhook, Schemes, WebhookMethod, WebhookSecurity, WebhookSettings, WebhookToken};
pub use signature::{SignatureScheme, WebhookSecret, WebhookSignature};

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// The source takes no requests of this method.
    #[error("the event source takes no {0} requests")]
    Method(String),
    /// The source takes no requests over this scheme.
    #[error("the event source takes no requests over {0}")]
    Scheme(&'static str),
    /// The address of the client is not among those allowed.
    #[error("the address of the client is not allowed")]
    Address,
    /// The `referer` is not among those allowed.
    #[error("the referer is not allowed")]
    Referer,
    /// The signature that the source asks for is missing, too old or wrong.
    #[error("the signature is missing or wrong: {0}")]
    Signature(&'static str),
    /// The body says that it is JSON, and is not.
    #[error("the body is not JSON, although its content type says so")]
    NotJson,
}
