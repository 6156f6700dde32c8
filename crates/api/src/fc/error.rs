//! What a Function Compute client is told when something is wrong. All codes are in here.

use http::{Method, StatusCode};
use kulkul_access::KeyRefused;
use kulkul_bus::BusError;
use kulkul_function::{FunctionError, InvokeFunctionError};
use kulkul_instance::InvokeError;
use kulkul_listener::BodyError;
use kulkul_model::InvalidName;
use kulkul_source::SourceError;
use kulkul_store::StoreError;
use kulkul_trigger::TriggerError;

use crate::answer::chain;
use crate::fields::FieldError;
use crate::signature::Refusal;

/// An error on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FcError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    chain: Option<String>,
}

impl FcError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), chain: None }
    }

    /// A failure of ours. `chain` goes into the log only.
    pub(crate) fn internal(chain: impl Into<String>) -> Self {
        let message = "an internal error has occurred. Please retry.";
        let error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message);
        Self { chain: Some(chain.into()), ..error }
    }

    /// A failure of the store. `chain` goes into the log only.
    pub(crate) fn store(error: &StoreError, chain: String) -> Self {
        store_failure(error, chain)
    }

    /// What the log should know and the client should not.
    pub(crate) fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgument", message)
    }

    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "LimitExceededError", message)
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    pub(crate) fn unsupported(method: &Method, path: &str) -> Self {
        let message = format!("'{method}' against '{path}' is not supported");
        Self::new(StatusCode::BAD_REQUEST, "PathNotSupported", message)
    }

    pub(crate) fn head_too_large(head_bytes_max: usize) -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "InvalidArgument",
            format!("the request line and headers have more than {head_bytes_max} bytes"),
        )
    }

    fn mismatch(detail: &str) -> Self {
        let message = "The request signature we calculated does not match the signature you provided. \
                       Check your access key and signing method";
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        Self::new(StatusCode::FORBIDDEN, "SignatureNotMatch", format!("{message}{detail}"))
    }

    fn missing_header(name: &str) -> Self {
        let message = format!("required HTTP header {name} was not specified");
        Self::new(StatusCode::BAD_REQUEST, "MissingRequiredHeader", message)
    }
}

impl From<Refusal> for FcError {
    fn from(refusal: Refusal) -> Self {
        let because = refusal.to_string();
        match refusal {
            Refusal::Unsigned => Self::missing_header("Authorization"),
            Refusal::HeaderMissing(name) => Self::missing_header(name),
            Refusal::ParameterMissing(_) | Refusal::Malformed => Self::invalid(because),
            Refusal::Mismatch => Self::mismatch(""),
            Refusal::HeaderNotSigned(_)
            | Refusal::DateMalformed
            | Refusal::DateSkewed
            | Refusal::NonceUsed
            | Refusal::BodyMismatch => Self::mismatch(&because),
            Refusal::Key { id, why: KeyRefused::Unknown } => Self::new(
                StatusCode::FORBIDDEN,
                "InvalidAccessKeyID",
                format!("invalid access key ID '{id}'"),
            ),
            Refusal::Key { id, why: KeyRefused::Disabled } => {
                let message = format!("invalid access key ID '{id}': it is disabled");
                Self::new(StatusCode::FORBIDDEN, "InvalidAccessKeyID", message)
            }
            Refusal::Key {
                why: KeyRefused::TokenMissing | KeyRefused::TokenInvalid | KeyRefused::Expired,
                ..
            }
            | Refusal::NotAllowed { .. } => Self::denied(because),
        }
    }
}

impl From<SourceError> for FcError {
    fn from(error: SourceError) -> Self {
        let message = error.to_string();
        match error {
            SourceError::Bus(BusError::UnknownBus { .. }) => Self::not_found("EventBusNotExist", message),
            SourceError::NotFound { .. } => Self::not_found("EventSourceNotExist", message),
            SourceError::AdditionNotFound { .. } => Self::not_found("CatalogAdditionNotExist", message),
            SourceError::TooMany { .. } => Self::new(StatusCode::BAD_REQUEST, "LimitExceededError", message),
            SourceError::Store { ref source, .. } | SourceError::Bus(BusError::Store(ref source)) => {
                store_failure(source, chain(&error))
            }
            SourceError::Corrupt { .. } => Self::internal(chain(&error)),
            SourceError::InvalidName { .. }
            | SourceError::DescriptionTooLong { .. }
            | SourceError::AlreadyExists { .. }
            | SourceError::KindChanged { .. }
            | SourceError::BusHasSources { .. }
            | SourceError::Additions(_)
            | SourceError::Bus(_) => Self::invalid(message),
        }
    }
}

impl From<BodyError> for FcError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { bytes_max } => too_large(bytes_max),
            BodyError::TimedOut => {
                Self::new(StatusCode::REQUEST_TIMEOUT, "InvalidArgument", "the body was not sent in time")
            }
            BodyError::Broken(_) => Self::invalid(error.to_string()),
        }
    }
}

impl From<FieldError> for FcError {
    fn from(error: FieldError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<InvalidName> for FcError {
    fn from(error: InvalidName) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<FunctionError> for FcError {
    fn from(error: FunctionError) -> Self {
        function_error(&error)
    }
}

impl From<TriggerError> for FcError {
    fn from(error: TriggerError) -> Self {
        use StatusCode as Status;
        let (status, code) = match &error {
            TriggerError::InvalidArgument(_) => (Status::BAD_REQUEST, "InvalidArgument"),
            TriggerError::TriggerNotFound { .. } => (Status::NOT_FOUND, "TriggerNotFound"),
            TriggerError::TriggerAlreadyExists { .. } => (Status::CONFLICT, "TriggerAlreadyExists"),
            TriggerError::EventBridgeTriggerConflict { .. } => {
                (Status::CONFLICT, "EventBridgeTriggerConflict")
            }
            TriggerError::LimitExceeded { .. } => (Status::BAD_REQUEST, "LimitExceededError"),
            TriggerError::ConcurrentUpdate(_) => (Status::CONFLICT, "ConcurrentUpdateError"),
            TriggerError::Store { source, .. }
            | TriggerError::Rule { source: BusError::Store(source), .. } => {
                return store_failure(source, chain(&error));
            }
            // What the compiler of triggers made of a configuration, and the hub would not take.
            TriggerError::Rule { .. } => return Self::invalid(chain(&error)),
            TriggerError::Corrupt { .. } => return Self::internal(chain(&error)),
            TriggerError::Function(error) => return function_error(error),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<InvokeFunctionError> for FcError {
    fn from(error: InvokeFunctionError) -> Self {
        match error {
            InvokeFunctionError::Refused(error) => error.into(),
            InvokeFunctionError::Run(error) => error.into(),
            InvokeFunctionError::TaskAlreadyExists { .. } => {
                Self::new(StatusCode::CONFLICT, "AsyncTaskAlreadyExists", error.to_string())
            }
        }
    }
}

impl From<InvokeError> for FcError {
    /// Source: Function Compute 2023-03-30, error codes; some statuses are inferred.
    fn from(error: InvokeError) -> Self {
        use StatusCode as Status;
        let (status, code) = match &error {
            InvokeError::ResourceExhausted { .. } => (Status::TOO_MANY_REQUESTS, "ResourceExhausted"),
            InvokeError::FunctionResourceExhausted { .. } | InvokeError::PortBusy { .. } => {
                (Status::TOO_MANY_REQUESTS, "FunctionResourceExhausted")
            }
            InvokeError::Stopping => (Status::SERVICE_UNAVAILABLE, "ResourceThrottled"),
            InvokeError::RuntimeNotOffered { .. } => (Status::BAD_REQUEST, "InvalidArgument"),
            InvokeError::InterpreterMissing { .. } | InvokeError::StartFileMissing { .. } => {
                (Status::PRECONDITION_FAILED, "CAFileNotFound")
            }
            InvokeError::StartFileNotExecutable { .. } => (Status::PRECONDITION_FAILED, "CAFilePermission"),
            InvokeError::Exited { .. } => (Status::PRECONDITION_FAILED, "CAExited"),
            InvokeError::NotStarted { .. } => (Status::PRECONDITION_FAILED, "FunctionNotStarted"),
            InvokeError::ResponseTooLarge { .. } | InvokeError::BadResponse { .. } => {
                (Status::BAD_GATEWAY, "BadResponse")
            }
            InvokeError::Machine { .. } => return Self::internal(chain(&error)),
            // The enum is open, so the compiler asks for this; no variant gets here today.
            _ => return Self::internal(chain(&error)),
        };
        Self::new(status, code, sentence(&error.to_string()))
    }
}

fn function_error(error: &FunctionError) -> FcError {
    use StatusCode as Status;
    let (status, code) = match error {
        FunctionError::InvalidArgument(_) => (Status::BAD_REQUEST, "InvalidArgument"),
        FunctionError::EntityTooLarge { .. } => (Status::BAD_REQUEST, "EntityTooLarge"),
        FunctionError::LimitExceeded { .. } => (Status::BAD_REQUEST, "LimitExceededError"),
        FunctionError::FunctionNotFound(_) => (Status::NOT_FOUND, "FunctionNotFound"),
        FunctionError::FunctionAlreadyExists(_) => (Status::CONFLICT, "FunctionAlreadyExists"),
        FunctionError::FunctionNotEmpty(_) => (Status::CONFLICT, "FunctionNotEmpty"),
        FunctionError::VersionNotFound { .. } => (Status::NOT_FOUND, "VersionNotFound"),
        FunctionError::AliasNotFound { .. } => (Status::NOT_FOUND, "AliasNotFound"),
        FunctionError::LayerNotFound(_) => (Status::NOT_FOUND, "LayerNotFound"),
        FunctionError::AsyncConfigNotExists { .. } => (Status::NOT_FOUND, "AsyncConfigNotExists"),
        FunctionError::ConcurrentUpdate(_) => (Status::CONFLICT, "ConcurrentUpdateError"),
        FunctionError::Store { source, .. } => return store_failure(source, chain(error)),
        FunctionError::CodeCache(_) | FunctionError::Corrupt { .. } => {
            return FcError::internal(chain(error));
        }
    };
    FcError::new(status, code, error.to_string())
}

fn store_failure(error: &StoreError, chain: String) -> FcError {
    match error {
        StoreError::Busy => FcError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "ResourceExhausted",
            "the server has too much waiting to be written. Please retry.",
        ),
        StoreError::Full { .. } => FcError {
            message: "the server cannot store anything: its disk is full.".to_owned(),
            ..FcError::internal(chain)
        },
        StoreError::Conflict { .. } => {
            FcError::new(StatusCode::CONFLICT, "ConcurrentUpdateError", "changed by another request")
        }
        StoreError::NotFound { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Closed
        | StoreError::Format { .. }
        | StoreError::Engine { .. } => FcError::internal(chain),
    }
}

fn too_large(bytes_max: u64) -> FcError {
    let message = format!("payload size exceeds maximum allowed size ({bytes_max} bytes)");
    FcError::new(StatusCode::BAD_REQUEST, "EntityTooLarge", message)
}

/// The text with its first letter in upper case: clients look for `The function cannot be started`.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_failed_starts_begin_as_documented() {
        let error = FcError::from(InvokeError::StartFileMissing { program: "/code/bootstrap".to_owned() });
        assert_eq!((error.status.as_u16(), error.code), (412, "CAFileNotFound"));
        assert_eq!(error.message, "The function cannot be started: `/code/bootstrap` does not exist");
    }

    #[test]
    fn failures_of_ours_go_into_the_log_and_not_to_the_client() {
        let source = StoreError::engine("read a page", std::io::Error::other("/secret/path"));
        let error = FcError::from(FunctionError::Store { action: "store a function", source });
        assert_eq!((error.status.as_u16(), error.code), (500, "InternalServerError"));
        assert!(!error.message.contains("secret"));
        assert_eq!(error.chain(), Some("cannot store a function: cannot read a page: /secret/path"));
    }

    #[test]
    fn refusals_have_the_documented_codes() {
        let key = |why| Refusal::Key { id: "AKID".to_owned(), why };
        let table = [
            (Refusal::Unsigned, 400, "MissingRequiredHeader"),
            (Refusal::HeaderMissing("x-acs-date"), 400, "MissingRequiredHeader"),
            (Refusal::Mismatch, 403, "SignatureNotMatch"),
            (Refusal::BodyMismatch, 403, "SignatureNotMatch"),
            (Refusal::DateSkewed, 403, "SignatureNotMatch"),
            (key(KeyRefused::Unknown), 403, "InvalidAccessKeyID"),
            (key(KeyRefused::Expired), 403, "AccessDenied"),
        ];
        for (refusal, status, code) in table {
            let error = FcError::from(refusal.clone());
            assert_eq!((error.status.as_u16(), error.code), (status, code), "{refusal:?}");
        }
        assert_eq!(FcError::from(key(KeyRefused::Unknown)).message, "invalid access key ID 'AKID'");
    }
}
