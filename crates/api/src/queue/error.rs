//! What a client of queues is told when something is wrong. All codes are in here.

use std::borrow::Cow;

use http::StatusCode;
use kulkul_access::KeyRefused;
use kulkul_listener::BodyError;
use kulkul_queue::{Quantity, QueueError};
use kulkul_store::StoreError;

use super::reply::{self, Reply};
use crate::answer::chain;
use crate::signature::Refusal;

/// An error code. Source: Simple Message Queue 2015-06-06, "Error codes"; `InvalidVersionHeader` is known to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AccessDenied,
    InvalidAccessKeyId,
    SignatureDoesNotMatch,
    MissingAuthorizationHeader,
    InvalidAuthorizationHeader,
    MissingDateHeader,
    InvalidDateHeader,
    TimeExpired,
    InvalidVersionHeader,
    /// Spelt so in the documentation and in the clients.
    InvalidDegist,
    InvalidRequestURL,
    MalformedXML,
    InvalidArgument,
    MissingReceiptHandle,
    MissingVisibilityTimeout,
    ReceiptHandleError,
    MessageNotExist,
    QueueNotExist,
    QueueAlreadyExist,
    InvalidQueueName,
    QueueNameLengthError,
    QpsLimitExceeded,
    InternalError,
}

impl Code {
    /// The code on the wire, its status, and what it says unless there is more to say. Spelling included.
    const fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::AccessDenied => (
                "AccessDenied",
                403,
                "The OwnerId that your Access Key Id associated to is forbidden for this operation.",
            ),
            Self::InvalidAccessKeyId => {
                ("InvalidAccessKeyId", 403, "The AccessKey Id you provided is not exist.")
            }
            Self::SignatureDoesNotMatch => (
                "SignatureDoesNotMatch",
                403,
                "The request signature we calculated does not match the signature you provided. \
                 Check your key and signing method.",
            ),
            Self::MissingAuthorizationHeader => {
                ("MissingAuthorizationHeader", 400, "Authorization header is required.")
            }
            Self::InvalidAuthorizationHeader => {
                ("InvalidAuthorizationHeader", 400, "The Authorization header format is invalid.")
            }
            Self::MissingDateHeader => ("MissingDateHeader", 400, "Date header is required."),
            Self::InvalidDateHeader => ("InvalidDateHeader", 400, "The Date header format is invalid."),
            Self::TimeExpired => ("TimeExpired", 408, "The http request you sent is expired."),
            Self::InvalidVersionHeader => {
                ("InvalidVersionHeader", 400, "The x-mns-version header is invalid.")
            }
            Self::InvalidDegist => ("InvalidDegist", 400, "The Content-MD5 you specified is invalid."),
            Self::InvalidRequestURL => ("InvalidRequestURL", 400, "Http request URL format invalid."),
            Self::MalformedXML => ("MalformedXML", 400, "The XML you provided was not well-formed."),
            Self::InvalidArgument => (
                "InvalidArgument",
                400,
                "The XML you provided did not validate against our published schema.",
            ),
            Self::MissingReceiptHandle => ("MissingReceiptHandle", 400, "ReceiptHandle is required."),
            Self::MissingVisibilityTimeout => {
                ("MissingVisibilityTimeout", 400, "VisibilityTimeout is required.")
            }
            Self::ReceiptHandleError => {
                ("ReceiptHandleError", 400, "The receipt handle you provide is not valid.")
            }
            Self::MessageNotExist => ("MessageNotExist", 404, "Message not exist."),
            Self::QueueNotExist => ("QueueNotExist", 404, "The queue name you provided is not exist."),
            Self::QueueAlreadyExist => {
                ("QueueAlreadyExist", 409, "The queue you want to create is already exist.")
            }
            Self::InvalidQueueName => (
                "InvalidQueueName",
                400,
                "The queue name you provided is invalid. QueueName should start with alpha or digit, contain only \
                 alpha, digit or - , and have at most 120 characters.",
            ),
            Self::QueueNameLengthError => {
                ("QueueNameLengthError", 400, "Queue name length should between 1 and 120.")
            }
            Self::QpsLimitExceeded => ("QpsLimitExceeded", 400, "The qps limit of the queue is exceeded"),
            Self::InternalError => ("InternalError", 500, "Interal error."),
        }
    }

    /// The code on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// Its status.
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.parts().1).expect("the table has statuses")
    }
}

/// An error on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueFault {
    pub(crate) code: Code,
    pub(crate) message: Cow<'static, str>,
    chain: Option<String>,
}

impl QueueFault {
    /// A code with what it always says.
    pub(crate) fn new(code: Code) -> Self {
        Self::with(code, code.parts().2)
    }

    /// A code with a message of its own.
    pub(crate) fn with(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), chain: None }
    }

    /// A failure of ours. `chain` goes into the log only.
    pub(crate) fn internal(chain: impl Into<String>) -> Self {
        Self { chain: Some(chain.into()), ..Self::new(Code::InternalError) }
    }

    /// An element or parameter is missing, or holds what it cannot hold.
    pub(crate) fn not_valid(element: &str) -> Self {
        let message = format!(
            "The XML you provided did not validate against our published schema, cause by {element}."
        );
        Self::with(Code::InvalidArgument, message)
    }

    /// A number is out of its limits.
    pub(crate) fn out_of_range(element: &str, quantity: Quantity) -> Self {
        let ((low, high), unit) = (quantity.limits(), quantity.unit());
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let message = format!("The value of {element} should between {low} and {high}{unit}.");
        Self::with(Code::InvalidArgument, message)
    }

    /// What the log should know and the client should not.
    pub(crate) fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// The answer, with the id of the request and the URL of this server.
    pub(crate) fn reply(&self, request_id: &str, host_id: &str) -> Reply {
        let mut xml = reply::root("Error");
        xml.text("Code", self.code.as_str());
        xml.text("Message", &self.message);
        xml.text("RequestId", request_id);
        xml.text("HostId", host_id);
        xml.close("Error");
        Reply::document(self.code.status(), xml)
    }
}

/// How the wire calls a number.
fn element_of(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Delay => "DelaySeconds",
        Quantity::MessageSize => "MaximumMessageSize",
        Quantity::Retention => "MessageRetentionPeriod",
        Quantity::Visibility => "VisibilityTimeout",
        Quantity::PollingWait => "PollingWaitSeconds",
        Quantity::Wait => "waitseconds",
        Quantity::Priority => "Priority",
        Quantity::BatchCount => "numOfMessages",
        Quantity::BatchSize => "Messages",
        Quantity::PropertyCount => "UserProperties",
        Quantity::ReceiveCount => "MaxReceiveCount",
    }
}

impl From<QueueError> for QueueFault {
    fn from(error: QueueError) -> Self {
        match &error {
            QueueError::UnknownQueue { .. } => Self::new(Code::QueueNotExist),
            QueueError::QueueExists { .. } => Self::new(Code::QueueAlreadyExist),
            QueueError::OutOfRange { quantity } => Self::out_of_range(element_of(*quantity), *quantity),
            QueueError::TooLarge { bytes_max } => {
                let message = format!("The value of MessageBody should between 1 and {bytes_max} bytes.");
                Self::with(Code::InvalidArgument, message)
            }
            QueueError::Empty => Self::not_valid("MessageBody"),
            QueueError::BadProperty { .. } | QueueError::BadDeadLetterQueue { .. } => {
                Self::with(Code::InvalidArgument, error.to_string())
            }
            QueueError::BadReceipt => Self::new(Code::ReceiptHandleError),
            QueueError::StaleReceipt => Self::new(Code::MessageNotExist),
            QueueError::Store(source) => match source {
                StoreError::Busy => Self::new(Code::QpsLimitExceeded),
                StoreError::Conflict { .. }
                | StoreError::NotFound { .. }
                | StoreError::Full { .. }
                | StoreError::Poisoned { .. }
                | StoreError::Closed
                | StoreError::Format { .. }
                | StoreError::Engine { .. } => Self::internal(chain(&error)),
            },
            QueueError::Unreadable { .. } => Self::internal(chain(&error)),
        }
    }
}

impl From<Refusal> for QueueFault {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::Unsigned => Self::new(Code::MissingAuthorizationHeader),
            Refusal::Malformed | Refusal::HeaderNotSigned(_) | Refusal::ParameterMissing(_) => {
                Self::new(Code::InvalidAuthorizationHeader)
            }
            Refusal::HeaderMissing(_) => Self::new(Code::MissingDateHeader),
            Refusal::DateMalformed => Self::new(Code::InvalidDateHeader),
            Refusal::DateSkewed => Self::new(Code::TimeExpired),
            Refusal::NonceUsed | Refusal::Mismatch | Refusal::BodyMismatch => {
                Self::new(Code::SignatureDoesNotMatch)
            }
            Refusal::Key { why, .. } => match why {
                KeyRefused::Unknown => Self::new(Code::InvalidAccessKeyId),
                KeyRefused::Disabled
                | KeyRefused::TokenMissing
                | KeyRefused::TokenInvalid
                | KeyRefused::Expired => Self::with(Code::AccessDenied, refusal.to_string()),
            },
            Refusal::NotAllowed { .. } => Self::with(Code::AccessDenied, refusal.to_string()),
        }
    }
}

impl From<BodyError> for QueueFault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { bytes_max } => {
                let message = format!("The value of the body should between 0 and {bytes_max} bytes.");
                Self::with(Code::InvalidArgument, message)
            }
            BodyError::TimedOut | BodyError::Broken(_) => Self::new(Code::MalformedXML),
        }
    }
}
