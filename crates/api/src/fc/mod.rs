//! Function Compute 2023-03-30: REST below `/2023-03-30`.
//!
//! Operations are told apart by method and path alone; the header `x-acs-action` repeats the name and means nothing.
//! A path is split before it is decoded, since a segment may hold an encoded `/`.

mod async_config;
mod error;
mod function_input;
mod function_output;
mod query;
mod reply;
mod report;
mod route;
mod trigger_output;
mod trigger_warnings;

mod create_function;
mod create_trigger;
mod delete_async_invoke_config;
mod delete_function;
mod delete_trigger;
mod download_code;
mod get_async_invoke_config;
mod get_function;
mod get_function_code;
mod get_trigger;
mod invoke_function;
mod list_async_invoke_configs;
mod list_functions;
mod list_triggers;
mod put_async_invoke_config;
mod update_function;
mod update_trigger;

use bytes::Bytes;
use kulkul_access::{AccessKey, Action};
use kulkul_listener::RequestBody;
use kulkul_model::{FunctionName, Qualifier, RequestId, TriggerName};
use tracing::Instrument;

use crate::answer::Answer;
use crate::api::{Call, discard, guarded};
use crate::gate::{Admitted, Replay, check_role};
use crate::query::Query;
use crate::signature::{Acs3, FcLegacy, Refusal};
pub(crate) use error::FcError;
pub(crate) use reply::{failure, mark};
pub(crate) use report::ToldRefusals;
use route::{Operation, Route};

/// The version of the API, and the first segment of its paths.
const VERSION: &str = "2023-03-30";

/// An operation under way.
pub(crate) struct Rest<'a> {
    pub(crate) call: Call<'a>,
    pub(crate) request_id: &'a RequestId,
    route: Route<'a>,
    query: Query<'a>,
}

impl Rest<'_> {
    /// The function that the path names.
    fn function(&self) -> Result<FunctionName, FcError> {
        Ok(self.route.function.parse()?)
    }

    /// The trigger that the path names.
    fn trigger(&self) -> Result<TriggerName, FcError> {
        Ok(self.route.trigger.parse()?)
    }

    /// `qualifier`, when one is given.
    fn given_qualifier(&self) -> Result<Option<Qualifier>, FcError> {
        let text = self.query.get("qualifier").filter(|text| !text.is_empty());
        Ok(text.map(str::parse).transpose()?)
    }

    /// `qualifier`; `LATEST` when none is given.
    fn qualifier(&self) -> Result<Qualifier, FcError> {
        Ok(self.given_qualifier()?.unwrap_or_else(Qualifier::latest))
    }
}

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    let id = RequestId::new(call.now);
    let span = tracing::debug_span!("fc", request.id = id.as_str());
    let work = run(call, &id, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or_else(|| Err(FcError::internal("panicked")));
    let mut answer = match done {
        Ok(answer) => answer,
        Err(error) => {
            if let Some(chain) = error.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            reply::failure(&id, &error)
        }
    };
    reply::mark(&mut answer, &id);
    answer
}

async fn run(call: Call<'_>, id: &RequestId, body: &mut RequestBody) -> Result<Answer, FcError> {
    if call.oversized {
        return Err(FcError::head_too_large(call.api.options.head_bytes_max));
    }
    let route = Route::of(&call.head.method, call.path())
        .ok_or_else(|| FcError::unsupported(&call.head.method, call.path()))?;
    let operation = route.operation;
    let rest = Rest { call, request_id: id, route, query: Query::parse(call.query()) };
    if operation == Operation::DownloadCode {
        // The link carries its own permission.
        return download_code::run(&rest).await;
    }
    if call.header("x-acs-version").is_some_and(|version| version != VERSION) {
        return Err(FcError::invalid(format!("x-acs-version must be {VERSION}")));
    }
    let admitted = admit(call)?;
    check(&admitted.key, operation)?;
    let body = body.read_all(operation.body_bytes_max()).await.map_err(FcError::from)?;
    if let Some(hash) = admitted.content_sha256 {
        check_body(&body, hash).await?;
    }
    if operation.action() == Action::Admin {
        // The body is read: what changes something goes on although its client hangs up.
        call.peer.run_to_end();
    }
    match operation {
        Operation::InvokeFunction => {
            let done = invoke_function::run(&rest, body).await;
            if let Err(error) = &done {
                Box::pin(report::refused_invocation(&rest, &admitted.key, error)).await;
            }
            done
        }
        _ => Box::pin(dispatch_and_tell(&rest, &admitted.key, body)).await,
    }
}

async fn dispatch_and_tell(rest: &Rest<'_>, key: &AccessKey, body: Bytes) -> Result<Answer, FcError> {
    if rest.route.operation.action() != Action::Admin {
        return dispatch(rest, body).await;
    }
    let told = if body.len() <= report::BODY_BYTES_MAX { body.clone() } else { Bytes::new() };
    let done = dispatch(rest, body).await;
    report::change(rest, key, &told, done.as_ref()).await;
    done
}

fn admit(call: Call<'_>) -> Result<Admitted<'_>, Refusal> {
    let gate = &call.api.gate;
    match call.header("authorization") {
        None => Err(Refusal::Unsigned),
        Some(text) if Acs3::is(text) => gate.admit_acs3(text, &call.signed(), call.now, Replay::Allowed),
        Some(text) if FcLegacy::is(text) => gate.admit_fc_legacy(text, &call.signed(), call.now),
        Some(_) => Err(Refusal::Malformed),
    }
}

fn check(key: &AccessKey, operation: Operation) -> Result<(), Refusal> {
    check_role(key, operation.action())
}

/// Bodies above this are hashed off the threads that serve requests.
const HASHED_IN_PLACE_BYTES_MAX: usize = 256 * 1024;

async fn check_body(body: &Bytes, hash: &str) -> Result<(), FcError> {
    if body.len() <= HASHED_IN_PLACE_BYTES_MAX {
        return Ok(Acs3::check_body(body, hash)?);
    }
    let (body, hash) = (body.clone(), hash.to_owned());
    Ok(off_thread(move || Acs3::check_body(&body, &hash)).await??)
}

/// Runs work that takes milliseconds of processor time where it delays nobody else.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, FcError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| FcError::internal("a worker panicked"))
}

async fn dispatch(rest: &Rest<'_>, body: Bytes) -> Result<Answer, FcError> {
    match rest.route.operation {
        Operation::CreateFunction => create_function::run(rest, body).await,
        Operation::GetFunction => get_function::run(rest).await,
        Operation::ListFunctions => list_functions::run(rest).await,
        Operation::UpdateFunction => update_function::run(rest, body).await,
        Operation::DeleteFunction => delete_function::run(rest).await,
        Operation::GetFunctionCode => get_function_code::run(rest),
        Operation::InvokeFunction => invoke_function::run(rest, body).await,
        Operation::CreateTrigger => create_trigger::run(rest, body).await,
        Operation::GetTrigger => get_trigger::run(rest).await,
        Operation::ListTriggers => list_triggers::run(rest).await,
        Operation::UpdateTrigger => update_trigger::run(rest, body).await,
        Operation::DeleteTrigger => delete_trigger::run(rest).await,
        Operation::PutAsyncInvokeConfig => put_async_invoke_config::run(rest, body).await,
        Operation::GetAsyncInvokeConfig => get_async_invoke_config::run(rest),
        Operation::DeleteAsyncInvokeConfig => delete_async_invoke_config::run(rest).await,
        Operation::ListAsyncInvokeConfigs => list_async_invoke_configs::run(rest),
        Operation::DownloadCode => download_code::run(rest).await,
    }
}

/// What fuzzing reaches of this module.
#[cfg(test)]
pub(crate) mod fuzz {
    use super::route::Route;
    use super::{async_config, function_input};
    use crate::fields::Fields;

    /// Looks a path up.
    pub(crate) fn route(method: &http::Method, path: &str) {
        drop(Route::of(method, path));
    }

    /// Reads bodies.
    pub(crate) fn body(json: &[u8]) {
        drop(async_config::input(json));
        let Ok(mut fields) = Fields::parse(json) else { return };
        drop(function_input::code(&mut fields));
        drop(function_input::tags(&mut fields));
        drop(function_input::settings(&mut fields));
    }
}
