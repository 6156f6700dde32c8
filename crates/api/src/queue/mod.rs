//! Simple Message Queue (formerly MNS) 2015-06-06: queues and their messages, HTTP with XML.
//!
//! Clients disagree on spelling: name spaces, digests and the case of parameters come in every form that some official
//! client sends, and all of them are taken. What is answered is what all of them can read.

mod batch_delete_message;
mod batch_peek_message;
mod batch_receive_message;
mod batch_send_message;
mod change_message_visibility;
mod create_queue;
mod delete_message;
mod delete_queue;
mod digest;
mod elements;
mod error;
mod get_queue_attributes;
mod list_queue;
mod parameters;
mod peek_message;
mod receive_message;
mod reply;
mod route;
mod send_message;
mod set_queue_attributes;

use bytes::Bytes;
use kulkul_listener::RequestBody;
use kulkul_model::TraceId;
use tracing::Instrument;

use self::error::Code;
pub(crate) use self::error::QueueFault;
use self::parameters::Parameters;
use self::reply::Reply;
use self::route::{Operation, Route};
use crate::answer::{self, Answer};
use crate::api::{Call, discard, guarded};
use crate::gate::check_role;
use crate::signature::Refusal;

/// The one version there is.
const VERSION: &str = "2015-06-06";

/// The largest body. 64 KiB of text can grow sixfold when it is escaped.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Whether a path belongs to this API.
pub(crate) fn is_path(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    path.starts_with('/') && matches!(first, Some("queues" | "topics" | "commonbuy"))
}

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    // 24 hexadecimal digits, as in all samples.
    let id = format!("{:024X}", TraceId::random().as_u128() >> 32);
    let span = tracing::debug_span!("queue", request.id = id.as_str());
    let work = run(call, &mut body).instrument(span);
    let done = guarded(&id, work).await.unwrap_or_else(|| Err(QueueFault::internal("panicked")));
    let mut answer = match done {
        Ok(reply) => reply.into_answer(),
        Err(fault) => {
            if let Some(chain) = fault.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            fault.reply(&id, &reply::base_url(call)).into_answer()
        }
    };
    answer::set(&mut answer, "x-mns-request-id", id);
    answer::set(&mut answer, "x-mns-version", VERSION);
    answer
}

async fn run(call: Call<'_>, body: &mut RequestBody) -> Result<Reply, QueueFault> {
    if call.oversized {
        return Err(QueueFault::new(Code::InvalidRequestURL));
    }
    let parameters = Parameters::parse(call.query());
    let route = Route::of(&call.head.method, call.path(), &parameters)?;
    if call.header("x-mns-version").is_some_and(|version| version != VERSION) {
        return Err(QueueFault::new(Code::InvalidVersionHeader));
    }
    let authorization = call.header("authorization").ok_or(Refusal::Unsigned)?;
    let key = call.api.gate.admit_mns(authorization, &call.signed(), call.now)?;
    check_role(&key, route.operation.action())?;
    let body = body.read_all(BODY_BYTES_MAX).await?;
    digest::check(call.header("content-md5"), &body)?;
    if route.operation.runs_to_end() {
        call.peer.run_to_end();
    }
    operate(call, route, &parameters, &body).await
}

async fn operate(
    call: Call<'_>,
    route: Route,
    parameters: &Parameters<'_>,
    body: &Bytes,
) -> Result<Reply, QueueFault> {
    let Route { operation, queue } = route;
    let queue = || queue.ok_or_else(|| QueueFault::internal("the operation has no queue"));
    match operation {
        Operation::ListQueue => list_queue::run(call).await,
        Operation::CreateQueue => create_queue::run(call, &queue()?, body).await,
        Operation::SetQueueAttributes => set_queue_attributes::run(call, &queue()?, body).await,
        Operation::GetQueueAttributes => get_queue_attributes::run(call, &queue()?).await,
        Operation::DeleteQueue => delete_queue::run(call, &queue()?).await,
        Operation::SendMessage => {
            let document = elements::parse(body)?;
            match document.name.as_str() {
                "Messages" => batch_send_message::run(call, &queue()?, &document).await,
                _ => send_message::run(call, &queue()?, &document).await,
            }
        }
        Operation::ReceiveMessage => receive_message::run(call, &queue()?, parameters).await,
        Operation::BatchReceiveMessage => batch_receive_message::run(call, &queue()?, parameters).await,
        Operation::PeekMessage => peek_message::run(call, &queue()?).await,
        Operation::BatchPeekMessage => batch_peek_message::run(call, &queue()?, parameters).await,
        Operation::DeleteMessage => delete_message::run(call, &queue()?, parameters).await,
        Operation::BatchDeleteMessage => batch_delete_message::run(call, &queue()?, body).await,
        Operation::ChangeMessageVisibility => {
            change_message_visibility::run(call, &queue()?, parameters).await
        }
    }
}
