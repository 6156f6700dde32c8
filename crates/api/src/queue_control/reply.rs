//! The envelope around every answer.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::eventbridge::{RequestId, RpcError};
use crate::queue::QueueFault;

/// What an operation answers.
pub(crate) struct Success(Value);

impl Success {
    /// With data of its own.
    pub(crate) fn of(data: &impl Serialize) -> Self {
        Self(serde_json::to_value(data).expect("wire structs have string keys and finite numbers"))
    }

    /// The data of an operation that has nothing to tell.
    pub(crate) fn done() -> Self {
        Self(json!({ "Code": 200, "Message": "operation success", "Success": true }))
    }
}

/// Why an operation was refused: by the gateway in front of all services, or by the queues, in the words of their own
/// API.
pub(crate) enum Fault {
    Gateway(RpcError),
    Queue(QueueFault),
}

impl From<RpcError> for Fault {
    fn from(error: RpcError) -> Self {
        Self::Gateway(error)
    }
}

impl From<kulkul_queue::QueueError> for Fault {
    fn from(error: kulkul_queue::QueueError) -> Self {
        Self::Queue(error.into())
    }
}

impl Fault {
    /// What the log should know and the client should not.
    pub(crate) fn chain(&self) -> Option<&str> {
        match self {
            Self::Gateway(error) => error.chain(),
            Self::Queue(fault) => fault.chain(),
        }
    }
}

pub(crate) fn success(id: &RequestId, success: Success) -> Answer {
    let body = json!({
        "RequestId": id.as_str(), "Code": 200, "Status": "Success", "Message": "operation success",
        "Success": true, "Data": success.0,
    });
    answered(StatusCode::OK, id, &body)
}

/// `host` is what the client called this server.
pub(crate) fn failure(id: &RequestId, fault: &Fault, host: &str) -> Answer {
    let (status, code, message) = match fault {
        Fault::Gateway(error) => (error.status, &*error.code, error.message.as_str()),
        Fault::Queue(fault) => (fault.code.status(), fault.code.as_str(), &*fault.message),
    };
    let body = json!({ "RequestId": id.as_str(), "HostId": host, "Code": code, "Message": message });
    answered(status, id, &body)
}

fn answered(status: StatusCode, id: &RequestId, body: &Value) -> Answer {
    let mut answer = answer::with_body(status, "application/json;charset=utf-8", body.to_string());
    answer::set(&mut answer, "x-acs-request-id", id.as_str().to_owned());
    answer
}
