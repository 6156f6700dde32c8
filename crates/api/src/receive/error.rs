//! Why events from outside are not taken, and how that is said.

use http::StatusCode;
use kulkul_bus::AcceptError;
use kulkul_listener::BodyError;
use kulkul_model::{EventError, InvalidName};
use kulkul_push_signature::PushRefusal;
use kulkul_source::webhook::WebhookRefusal;
use kulkul_store::StoreError;

use crate::answer::chain;
use crate::eventbridge::event_code;
use crate::unsigned::UnsignedBodyError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    #[error("this server takes no such events; see docs/receiving.md")]
    NotConfigured,
    #[error(transparent)]
    Signature(#[from] PushRefusal),
    #[error("the token is missing or wrong")]
    Token,
    #[error("a push of the older generation is taken only with a token, and the server has none configured")]
    TokenNeeded,
    #[error("no event source has this URL")]
    UnknownWebhook,
    #[error(transparent)]
    Webhook(#[from] WebhookRefusal),
    #[error("this push came before")]
    Replayed,
    #[error("only POST is")]
    Method,
    #[error("the path names no event bus")]
    Path,
    #[error("the name of the event bus is invalid")]
    BusName(#[source] InvalidName),
    #[error("request line and headers are too large")]
    HeadTooLarge,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Unsigned(#[from] UnsignedBodyError),
    #[error("the body is not {expected}: {reason}")]
    Unreadable { expected: &'static str, reason: String },
    #[error("a request has at most {event_count_max} events, not {event_count}")]
    TooManyEvents { event_count: usize, event_count_max: usize },
    /// The only event, or the first of several of which none is right.
    #[error(transparent)]
    Event(EventError),
    #[error(transparent)]
    Accept(#[from] AcceptError),
    #[error("panicked")]
    Panicked,
}

impl ReceiveError {
    /// Status and code. Nothing but what was taken is a 2xx: then the sender would forget it.
    pub(crate) fn wire(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotConfigured => (StatusCode::FORBIDDEN, "ReceiverNotConfigured"),
            Self::Signature(PushRefusal::Skewed { .. }) => (StatusCode::FORBIDDEN, "PushTimestampExpired"),
            Self::Signature(
                PushRefusal::HeaderMissing(_)
                | PushRefusal::HeaderInvalid(_)
                | PushRefusal::Unsigned
                | PushRefusal::Mismatch,
            ) => (StatusCode::FORBIDDEN, "PushSignatureInvalid"),
            Self::Token | Self::TokenNeeded => (StatusCode::FORBIDDEN, "ReceiverTokenInvalid"),
            Self::Webhook(WebhookRefusal::NotJson) => (StatusCode::BAD_REQUEST, "JsonAttributeInvalid"),
            Self::UnknownWebhook
            | Self::Webhook(
                WebhookRefusal::Method(_)
                | WebhookRefusal::Scheme(_)
                | WebhookRefusal::Address
                | WebhookRefusal::Referer
                | WebhookRefusal::Signature(_),
            ) => (StatusCode::FORBIDDEN, "PutEventsRequestSecurityCheckFailed"),
            Self::Replayed => (StatusCode::FORBIDDEN, "PushReplayed"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "UnsupportedHTTPMethod"),
            Self::Path => (StatusCode::NOT_FOUND, "EventBusEmpty"),
            Self::BusName(_) => (StatusCode::BAD_REQUEST, "EventBusNameInvalid"),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "RequestHeaderFieldsTooLarge")
            }
            Self::Body(error) | Self::Unsigned(UnsignedBodyError::Body(error)) => body_code(error),
            Self::Unsigned(UnsignedBodyError::Crowded) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
            Self::Unreadable { .. } => (StatusCode::BAD_REQUEST, "EventInvalid"),
            Self::TooManyEvents { .. } => (StatusCode::BAD_REQUEST, "InvalidArgument"),
            Self::Event(error) => (StatusCode::BAD_REQUEST, event_code(error)),
            Self::Accept(AcceptError::UnknownBus { .. }) => (StatusCode::NOT_FOUND, "EventBusNotExist"),
            Self::Accept(AcceptError::Store(StoreError::Busy)) => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests")
            }
            Self::Accept(AcceptError::Store(_)) | Self::Panicked => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
            }
        }
    }

    /// The error with its causes.
    pub(crate) fn chain(&self) -> String {
        chain(self)
    }
}

fn body_code(error: &BodyError) -> (StatusCode, &'static str) {
    match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        BodyError::TimedOut => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "InvalidBody"),
    }
}
