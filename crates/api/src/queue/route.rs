//! Which operation a request means.

use http::Method;
use kulkul_access::Action;
use kulkul_model::MessageQueueName;

use super::error::{Code, QueueFault};
use super::parameters::Parameters;
use crate::percent::{Plus, decode_text};

/// An operation, as far as the head of a request tells. Whether one message is sent or several, the body tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListQueue,
    CreateQueue,
    SetQueueAttributes,
    GetQueueAttributes,
    DeleteQueue,
    SendMessage,
    ReceiveMessage,
    BatchReceiveMessage,
    PeekMessage,
    BatchPeekMessage,
    DeleteMessage,
    BatchDeleteMessage,
    ChangeMessageVisibility,
}

/// An operation with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    /// `None` for an operation on all queues.
    pub(crate) queue: Option<MessageQueueName>,
}

/// The longest name that a client of any age expects. Source: error codes, `QueueNameLengthError`.
const NAME_BYTES_MAX: usize = 256;

impl Operation {
    /// What it does, as far as roles are concerned. Receiving and deleting messages is what a consumer does, and
    /// consumers have the keys of producers.
    pub(crate) const fn action(self) -> Action {
        match self {
            Self::CreateQueue | Self::SetQueueAttributes | Self::DeleteQueue => Action::Admin,
            Self::SendMessage
            | Self::ReceiveMessage
            | Self::BatchReceiveMessage
            | Self::DeleteMessage
            | Self::BatchDeleteMessage
            | Self::ChangeMessageVisibility => Action::Publish,
            Self::ListQueue | Self::GetQueueAttributes | Self::PeekMessage | Self::BatchPeekMessage => {
                Action::Read
            }
        }
    }

    /// Whether it goes on when the client hangs up. A receive does not: what nobody will get is not taken.
    pub(crate) const fn runs_to_end(self) -> bool {
        !matches!(self, Self::ReceiveMessage | Self::BatchReceiveMessage)
    }
}

impl Route {
    /// The operation that a request means.
    pub(crate) fn of(method: &Method, path: &str, parameters: &Parameters<'_>) -> Result<Self, QueueFault> {
        use Operation::*;
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let unknown = || QueueFault::new(Code::InvalidRequestURL);
        let (operation, queue) = match (method.as_str(), segments.as_slice()) {
            (_, ["topics" | "commonbuy", ..]) => {
                return Err(QueueFault::with(
                    Code::InvalidRequestURL,
                    "This server offers queues; it does not offer topics and subscriptions.",
                ));
            }
            ("GET", ["queues"]) => return Ok(Self { operation: ListQueue, queue: None }),
            ("PUT", ["queues", queue]) => match parameters.is_true("metaoverride") {
                true => (SetQueueAttributes, queue),
                false => (CreateQueue, queue),
            },
            ("GET", ["queues", queue]) => (GetQueueAttributes, queue),
            ("DELETE", ["queues", queue]) => (DeleteQueue, queue),
            ("POST", ["queues", queue, "messages"]) => (SendMessage, queue),
            ("GET", ["queues", queue, "messages"]) => {
                match (parameters.is_true("peekonly"), parameters.get("numofmessages").is_some()) {
                    (false, false) => (ReceiveMessage, queue),
                    (false, true) => (BatchReceiveMessage, queue),
                    (true, false) => (PeekMessage, queue),
                    (true, true) => (BatchPeekMessage, queue),
                }
            }
            ("PUT", ["queues", queue, "messages"]) => (ChangeMessageVisibility, queue),
            // With a handle it is one message, whatever the body holds: one client sends both.
            ("DELETE", ["queues", queue, "messages"]) => match parameters.get("receipthandle") {
                Some(_) => (DeleteMessage, queue),
                None => (BatchDeleteMessage, queue),
            },
            _ => return Err(unknown()),
        };
        Ok(Self { operation, queue: Some(queue_name(queue)?) })
    }
}

fn queue_name(segment: &str) -> Result<MessageQueueName, QueueFault> {
    let name = decode_text(segment, Plus::Plus).ok_or_else(|| QueueFault::new(Code::InvalidQueueName))?;
    if name.len() > NAME_BYTES_MAX {
        return Err(QueueFault::new(Code::QueueNameLengthError));
    }
    name.parse().map_err(|_| QueueFault::new(Code::InvalidQueueName))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, target: &str) -> Result<Operation, Code> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let method = method.parse().unwrap();
        let route = Route::of(&method, path, &Parameters::parse(query));
        route.map(|route| route.operation).map_err(|fault| fault.code)
    }

    #[test]
    fn method_path_and_parameters_name_the_operation() {
        use Operation::*;
        let table = [
            ("GET", "/queues", Ok(ListQueue)),
            ("PUT", "/queues/q1", Ok(CreateQueue)),
            ("PUT", "/queues/q1?metaoverride=true", Ok(SetQueueAttributes)),
            ("PUT", "/queues/q1?metaOverride=TRUE", Ok(SetQueueAttributes)),
            ("PUT", "/queues/q1?metaoverride=false", Ok(CreateQueue)),
            ("GET", "/queues/q1", Ok(GetQueueAttributes)),
            ("DELETE", "/queues/q1", Ok(DeleteQueue)),
            ("POST", "/queues/q1/messages", Ok(SendMessage)),
            ("GET", "/queues/q1/messages?waitseconds=1", Ok(ReceiveMessage)),
            ("GET", "/queues/q1/messages?waitseconds=1&numOfMessages=2", Ok(BatchReceiveMessage)),
            ("GET", "/queues/q1/messages?peekonly=true", Ok(PeekMessage)),
            ("GET", "/queues/q1/messages?numOfMessages=2&peekonly=true", Ok(BatchPeekMessage)),
            ("PUT", "/queues/q1/messages?receiptHandle=a&visibilityTimeout=1", Ok(ChangeMessageVisibility)),
            ("DELETE", "/queues/q1/messages?ReceiptHandle=a", Ok(DeleteMessage)),
            ("DELETE", "/queues/q1/messages", Ok(BatchDeleteMessage)),
            ("POST", "/queues", Err(Code::InvalidRequestURL)),
            ("GET", "/queues/q1/other", Err(Code::InvalidRequestURL)),
            ("PUT", "/topics/t", Err(Code::InvalidRequestURL)),
            ("PUT", "/queues/q_1", Err(Code::InvalidQueueName)),
            ("PUT", "/queues/%ff", Err(Code::InvalidQueueName)),
        ];
        for (method, target, expected) in table {
            assert_eq!(operation(method, target), expected, "{method} {target}");
        }
        let long = |length| operation("PUT", &format!("/queues/{}", "q".repeat(length)));
        assert_eq!(long(120), Ok(CreateQueue));
        assert_eq!([long(121), long(256)], [Err(Code::InvalidQueueName), Err(Code::InvalidQueueName)]);
        assert_eq!(long(257), Err(Code::QueueNameLengthError));
    }
}
