//! The control plane of Simple Message Queue, `Mns-open` 2022-01-19: RPC over `POST /`, as EventBridge has it.
//!
//! Only what concerns queues. It is the one way to say where messages go that nobody can handle.

mod create_queue;
mod delete_queue;
mod get_queue_attributes;
mod input;
mod list_queue;
mod output;
mod reply;
mod set_queue_attributes;

use http::Method;
use kulkul_access::Action;
use kulkul_listener::RequestBody;
use tracing::Instrument;

use self::reply::{Fault, Success};
use crate::answer::Answer;
use crate::api::{Call, discard, guarded};
use crate::eventbridge::{RequestId, RpcError, RpcRequest};
use crate::gate::check_role;

/// The version of the API.
pub(crate) const VERSION: &str = "2022-01-19";

/// The largest form. All parameters of an operation together are far smaller.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    CreateQueue,
    SetQueueAttributes,
    GetQueueAttributes,
    ListQueue,
    DeleteQueue,
}

impl Operation {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "CreateQueue" => Self::CreateQueue,
            "SetQueueAttributes" => Self::SetQueueAttributes,
            "GetQueueAttributes" => Self::GetQueueAttributes,
            "ListQueue" => Self::ListQueue,
            "DeleteQueue" => Self::DeleteQueue,
            _ => return None,
        })
    }

    const fn action(self) -> Action {
        match self {
            Self::CreateQueue | Self::SetQueueAttributes | Self::DeleteQueue => Action::Admin,
            Self::GetQueueAttributes | Self::ListQueue => Action::Read,
        }
    }
}

/// Whether a request on `/` is meant for this API.
pub(crate) fn is_meant(call: &Call<'_>) -> bool {
    call.path() == "/"
        && match call.header("x-acs-version") {
            Some(version) => version == VERSION,
            None => crate::query::Query::parse(call.query()).get("Version") == Some(VERSION),
        }
}

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    let id = RequestId::random();
    let span = tracing::debug_span!("queue_control", request.id = id.as_str());
    let work = run(call, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or_else(|| Err(RpcError::internal("panicked").into()));
    match done {
        Ok(success) => reply::success(&id, success),
        Err(fault) => {
            if let Some(chain) = fault.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            reply::failure(&id, &fault, call.header("host").unwrap_or_default())
        }
    }
}

async fn run(call: Call<'_>, body: &mut RequestBody) -> Result<Success, Fault> {
    if call.oversized {
        return Err(RpcError::head_too_large(call.api.options.head_bytes_max).into());
    }
    if call.head.method != Method::POST && call.head.method != Method::GET {
        return Err(RpcError::unsupported_method().into());
    }
    let request = RpcRequest::read(call, body, FORM_BYTES_MAX).await?;
    let (params, key) = request.admitted_params()?;
    let action = call.header("x-acs-action").or_else(|| params.get("Action"));
    let action = action.ok_or_else(|| RpcError::missing("Action"))?;
    let operation = Operation::named(action).ok_or_else(RpcError::unknown_api)?;
    check_role(&key, operation.action()).map_err(RpcError::from)?;
    if operation.action() != Action::Read {
        call.peer.run_to_end();
    }
    match operation {
        Operation::CreateQueue => create_queue::run(call, &params).await,
        Operation::SetQueueAttributes => set_queue_attributes::run(call, &params).await,
        Operation::GetQueueAttributes => get_queue_attributes::run(call, &params).await,
        Operation::ListQueue => list_queue::run(call, &params).await,
        Operation::DeleteQueue => delete_queue::run(call, &params).await,
    }
}
