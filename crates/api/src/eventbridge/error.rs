//! What an EventBridge client is told when something is wrong. All codes are in here.

use std::borrow::Cow;

use http::StatusCode;
use kulkul_access::KeyRefused;
use kulkul_bus::{AcceptError, BusError};
use kulkul_connection::ConnectionError;
use kulkul_delivery::TargetError;
use kulkul_listener::BodyError;
use kulkul_model::{EventError, InvalidName};
use kulkul_pattern::PatternError;
use kulkul_source::SourceError;
use kulkul_store::StoreError;

use crate::answer::chain;
use crate::signature::Refusal;
use crate::unsigned::UnsignedBodyError;

/// Who refused, which decides the shape and status of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The gateway in front of all cloud services: always a 4xx, and a body of its own.
    Gateway,
    /// The service: the request was understood and refused.
    Business,
    /// We failed.
    Internal,
}

/// An error on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) class: Class,
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    chain: Option<String>,
}

impl RpcError {
    fn gateway(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { class: Class::Gateway, status, code: code.into(), message: message.into(), chain: None }
    }

    /// A refusal by the service.
    pub(crate) fn business(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            class: Class::Business,
            status: StatusCode::CONFLICT,
            code: code.into(),
            message: message.into(),
            chain: None,
        }
    }

    /// A kind of event source that cannot be.
    pub(crate) fn source_type(message: impl Into<String>) -> Self {
        Self::business("EventSourceTypeInvalid", message)
    }

    /// A failure of ours. `chain` goes into the log only.
    pub(crate) fn internal(chain: impl Into<String>) -> Self {
        Self {
            class: Class::Internal,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalError".into(),
            message: "An internal error has occurred, please retry.".into(),
            chain: Some(chain.into()),
        }
    }

    /// The same refusal for clients that know HTTP and nothing of this service: with a status that says what is wrong.
    ///
    /// Source: CloudEvents 1.0, HTTP protocol binding, which leaves errors to HTTP.
    pub(crate) fn in_terms_of_http(self) -> Self {
        let status = match (self.class, &*self.code) {
            (Class::Business, "EventBusNotExist") => StatusCode::NOT_FOUND,
            (Class::Business, "EventHTTPProtocolBindingInvalid") => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Class::Business, "ConcurrentUpdateError") => StatusCode::CONFLICT,
            (Class::Business, _) => StatusCode::BAD_REQUEST,
            (Class::Gateway | Class::Internal, _) => self.status,
        };
        Self { status, ..self }
    }

    /// What the log should know and the client should not.
    pub(crate) fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// An event that was refused where no other answer is given than the status.
    pub(crate) fn of_event(error: &EventError) -> Self {
        Self::gateway(StatusCode::BAD_REQUEST, event_code(error), error.to_string())
    }

    pub(crate) fn missing(parameter: &'static str) -> Self {
        let message = format!("{parameter} is mandatory for this action.");
        Self::gateway(StatusCode::BAD_REQUEST, format!("Missing{parameter}"), message)
    }

    pub(crate) fn invalid(parameter: &'static str) -> Self {
        let message = format!("Specified parameter {parameter} is not valid.");
        Self::gateway(StatusCode::BAD_REQUEST, format!("Invalid{parameter}"), message)
    }

    pub(crate) fn invalid_because(parameter: &'static str, reason: &str) -> Self {
        let mut error = Self::invalid(parameter);
        error.message = format!("Specified parameter {parameter} is not valid: {reason}.");
        error
    }

    pub(crate) fn unknown_api() -> Self {
        Self::gateway(
            StatusCode::NOT_FOUND,
            "InvalidApi.NotFound",
            "Specified api is not found, please check your url and method.",
        )
    }

    pub(crate) fn unsupported_method() -> Self {
        Self::gateway(StatusCode::BAD_REQUEST, "UnsupportedHTTPMethod", "This http method is not supported.")
    }

    pub(crate) fn head_too_large(head_bytes_max: usize) -> Self {
        Self::gateway(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "RequestHeaderFieldsTooLarge",
            format!("The request line and headers have more than {head_bytes_max} bytes."),
        )
    }
}

impl From<Refusal> for RpcError {
    /// Source: EventBridge 2020-04-01, gateway errors; the codes of missing headers and of roles are of the
    /// service-level list.
    fn from(refusal: Refusal) -> Self {
        use StatusCode as Status;
        let because = refusal.to_string();
        let (status, code, message): (_, Cow<'static, str>, String) = match refusal {
            Refusal::Unsigned => return Self::missing("AccessKeyId"),
            Refusal::ParameterMissing(name) => return Self::missing(name),
            Refusal::HeaderMissing(name) => {
                let message = format!("required HTTP header {name} was not specified");
                (Status::BAD_REQUEST, "MissingRequiredHeader".into(), message)
            }
            Refusal::Malformed => (Status::BAD_REQUEST, "InvalidAuthorization".into(), because),
            Refusal::DateMalformed => (
                Status::BAD_REQUEST,
                "InvalidTimeStamp.Format".into(),
                "Specified time stamp or date value is not well formatted.".into(),
            ),
            Refusal::DateSkewed => (
                Status::BAD_REQUEST,
                "InvalidTimeStamp.Expired".into(),
                "Specified time stamp or date value is expired.".into(),
            ),
            Refusal::NonceUsed => (
                Status::BAD_REQUEST,
                "SignatureNonceUsed".into(),
                "Specified signature nonce was used already.".into(),
            ),
            Refusal::Mismatch => (
                Status::BAD_REQUEST,
                "SignatureDoesNotMatch".into(),
                "Specified signature is not matched with our calculation.".into(),
            ),
            Refusal::BodyMismatch | Refusal::HeaderNotSigned(_) => (
                Status::BAD_REQUEST,
                "SignatureDoesNotMatch".into(),
                format!("Specified signature is not matched with our calculation: {because}."),
            ),
            Refusal::Key { why, .. } => match why {
                KeyRefused::Unknown => (
                    Status::NOT_FOUND,
                    "InvalidAccessKeyId.NotFound".into(),
                    "Specified access key is not found.".into(),
                ),
                KeyRefused::Disabled => (
                    Status::BAD_REQUEST,
                    "InvalidAccessKeyId.Inactive".into(),
                    "Specified access key is disabled.".into(),
                ),
                KeyRefused::TokenMissing => return Self::missing("SecurityToken"),
                KeyRefused::TokenInvalid => (Status::FORBIDDEN, "SecurityTokenInvalid".into(), because),
                KeyRefused::Expired => (Status::FORBIDDEN, "StsAccessIdExpired".into(), because),
            },
            Refusal::NotAllowed { .. } => (Status::FORBIDDEN, "AccessDenied".into(), because),
        };
        Self::gateway(status, code, message)
    }
}

impl RpcError {
    /// A refusal in the words of the data plane, which differ.
    ///
    /// Source: EventBridge, "Error codes".
    pub(crate) fn of_data_plane(refusal: &Refusal) -> Self {
        let code = match refusal {
            Refusal::Unsigned | Refusal::HeaderMissing(_) | Refusal::ParameterMissing(_) => {
                return Self::gateway(StatusCode::BAD_REQUEST, "MissingRequiredHeader", refusal.to_string());
            }
            Refusal::Malformed | Refusal::HeaderNotSigned(_) | Refusal::Mismatch | Refusal::BodyMismatch => {
                "SignatureDoesNotMatch"
            }
            Refusal::DateMalformed => "InvalidTimeStamp.Format",
            Refusal::DateSkewed => "InvalidTimeStamp.Expired",
            Refusal::NonceUsed => "SignatureNonceUsed",
            Refusal::Key { why: KeyRefused::Unknown | KeyRefused::Disabled, .. } => "InvalidAccessKeyId",
            Refusal::Key { why: KeyRefused::TokenMissing | KeyRefused::TokenInvalid, .. } => {
                "SecurityTokenInvalid"
            }
            Refusal::Key { why: KeyRefused::Expired, .. } => "StsAccessIdExpired",
            Refusal::NotAllowed { .. } => "AccessDenied",
        };
        Self::gateway(StatusCode::FORBIDDEN, code, refusal.to_string())
    }
}

impl From<BodyError> for RpcError {
    fn from(error: BodyError) -> Self {
        let message = error.to_string();
        match error {
            BodyError::TooLarge { .. } => {
                Self::gateway(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
            }
            BodyError::TimedOut => Self::gateway(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message),
            BodyError::Broken(_) => Self::gateway(StatusCode::BAD_REQUEST, "InvalidBody", message),
        }
    }
}

impl From<UnsignedBodyError> for RpcError {
    fn from(error: UnsignedBodyError) -> Self {
        match error {
            UnsignedBodyError::Body(error) => error.into(),
            UnsignedBodyError::Crowded => {
                Self::gateway(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", error.to_string())
            }
        }
    }
}

impl From<BusError> for RpcError {
    fn from(error: BusError) -> Self {
        let code = match &error {
            BusError::UnknownBus { .. } => "EventBusNotExist",
            BusError::BusExists { .. } => "EventBusAlreadyExist",
            BusError::DefaultBus | BusError::ReservedBusName { .. } => "EventBusNameInvalid",
            BusError::BusHasRules { .. } => "EventBusRuleNotEmptyForDelete",
            BusError::UnknownRule { .. } => "EventRuleNotExisted",
            BusError::RuleExists { .. } => "EventRuleAlreadyExist",
            BusError::Pattern(PatternError::Empty) => "EventRuleFilterPatternEmpty",
            BusError::Pattern(PatternError::TooLong { .. }) | BusError::TooBroad(_) => {
                "EventRuleFilterPatternExceedLimit"
            }
            BusError::Pattern(error @ PatternError::Schema { .. }) => {
                let message = format!("Event pattern is not valid, reason: {error}");
                return Self::business("EventRuleFilterPatternSchemaError", message);
            }
            BusError::Target(target) => return Self::business(target_code(target), chain(target)),
            BusError::CircularTarget { .. } => "EventTargetIneffectiveAttribute",
            BusError::DuplicateTarget { .. } => "EventRuleTargetIdDuplicate",
            BusError::UnknownTarget { .. } => "EventTargetNotExist",
            BusError::TooManyTargets { .. } => "EventTargetCountExceedLimit",
            BusError::OwnedRule { .. } | BusError::TooLong { .. } => "InvalidArgument",
            BusError::Store(store) => return store_failure(store, chain(&error)),
        };
        Self::business(code, error.to_string())
    }
}

impl From<SourceError> for RpcError {
    fn from(error: SourceError) -> Self {
        let code = match error {
            SourceError::Bus(error) => return error.into(),
            SourceError::Store { ref source, .. } => return store_failure(source, chain(&error)),
            SourceError::Corrupt { .. } => return Self::internal(chain(&error)),
            SourceError::InvalidName { .. } => "EventSourceNameInvalid",
            SourceError::AlreadyExists { .. } => "EventSourceAlreadyExist",
            SourceError::NotFound { .. } => "EventSourceNotExist",
            SourceError::KindChanged { .. } => "EventSourceTypeInvalid",
            SourceError::TooMany { .. } => "EventSourceCountExceedLimit",
            SourceError::BusHasSources { .. } => "EventBusSourceNotEmptyForDelete",
            SourceError::DescriptionTooLong { .. }
            | SourceError::Additions(_)
            | SourceError::AdditionNotFound { .. } => "InvalidArgument",
        };
        Self::business(code, error.to_string())
    }
}

impl From<ConnectionError> for RpcError {
    fn from(error: ConnectionError) -> Self {
        let code = match &error {
            ConnectionError::UnknownConnection { .. } => "ConnectionNotExist",
            ConnectionError::ConnectionExists { .. } => "ConnectionAlreadyExist",
            ConnectionError::ConnectionInUse { .. } => "ConnectionBoundApiDestination",
            ConnectionError::TooManyConnections { .. } => "ConnectionCountExceedLimit",
            ConnectionError::BadAuthorization { .. } => "ConnectionAuthParametersInvalid",
            ConnectionError::UnknownDestination { .. } => "ApiDestinationNotExist",
            ConnectionError::DestinationExists { .. } => "ApiDestinationAlreadyExist",
            ConnectionError::TooManyDestinations { .. } => "ApiDestinationCountExceedLimit",
            ConnectionError::BadDestination { .. } => "ApiDestinationParametersInvalid",
            ConnectionError::TooLong { .. } => "InvalidArgument",
            ConnectionError::Store(store) => return store_failure(store, chain(&error)),
        };
        Self::business(code, error.to_string())
    }
}

impl From<AcceptError> for RpcError {
    fn from(error: AcceptError) -> Self {
        match &error {
            AcceptError::UnknownBus { .. } => Self::business("EventBusNotExist", error.to_string()),
            AcceptError::Store(store) => store_failure(store, chain(&error)),
        }
    }
}

/// Source: EventBridge, errors of targets.
fn target_code(error: &TargetError) -> &'static str {
    match error {
        TargetError::BadTransform { .. } => "InvalidConfig",
        TargetError::UnknownKind { .. } => "EventTargetClassNotExist",
        TargetError::MissingParam { .. } => "EventTargetMissingAttribute",
        TargetError::UnknownDeadLetterQueue { .. }
        | TargetError::UnknownParam { .. }
        | TargetError::DoubledParam { .. }
        | TargetError::BadParam { .. }
        | TargetError::BadEndpoint { .. }
        | TargetError::OutOfReach { .. } => "EventTargetIneffectiveAttribute",
    }
}

fn store_failure(error: &StoreError, chain: String) -> RpcError {
    match error {
        StoreError::Busy => RpcError::gateway(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "The server has too much waiting to be written, please retry.",
        ),
        StoreError::Full { .. } => RpcError {
            message: "The server cannot store anything: its disk is full.".into(),
            ..RpcError::internal(chain)
        },
        StoreError::Conflict { .. } => {
            RpcError::business("ConcurrentUpdateError", "The resource is being changed by another request.")
        }
        StoreError::NotFound { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Closed
        | StoreError::Format { .. }
        | StoreError::Engine { .. } => RpcError::internal(chain),
    }
}

/// The code of an event that was refused by itself.
///
/// Source: Apache RocketMQ EventBridge, from which the service descends.
pub(crate) fn event_code(error: &EventError) -> &'static str {
    match error {
        EventError::NotAnObject(_) => "EventInvalid",
        EventError::IdEmpty => "EventIdEmpty",
        EventError::Attribute { attribute, .. } => match *attribute {
            "source" => "EventSourceInvalid",
            "type" => "EventTypeInvalid",
            "subject" => "EventSubjectInvalid",
            "specversion" => "EventSpecversionInvalid",
            "datacontenttype" => "EventContentTypeInvalid",
            // `id`, `time` and `dataschema`, which have no code of their own.
            _ => "JsonAttributeInvalid",
        },
        EventError::Extension { problem, .. } if problem.contains("limit") => {
            "EventExtensionsAttributeExceedLimit"
        }
        EventError::Extension { .. } => "EventExtensionsAttributeInvalid",
        EventError::TooLarge { .. } => "EventSizeExceed",
    }
}

/// A name of a bus that cannot be one.
pub(crate) fn bad_bus_name(error: &InvalidName) -> RpcError {
    RpcError::business("EventBusNameInvalid", error.to_string())
}

/// A name of a rule that cannot be one.
pub(crate) fn bad_rule_name(error: &InvalidName) -> RpcError {
    RpcError::business("EventRuleNameInvalid", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_can_be_said_in_terms_of_http() {
        let table = [
            (RpcError::business("EventBusNotExist", ""), 404),
            (RpcError::business("EventHTTPProtocolBindingInvalid", ""), 415),
            (RpcError::business("EventBusNameInvalid", ""), 400),
            (RpcError::business("EventDataEmpty", ""), 400),
            (RpcError::unknown_api(), 404),
            (RpcError::internal(""), 500),
        ];
        for (error, status) in table {
            let said = error.clone().in_terms_of_http();
            assert_eq!((said.status.as_u16(), &said.code), (status, &error.code));
        }
    }
}
