//! Kulkul's own operations, below `/kulkul/v1`: what the cloud's APIs have no words for.
//!
//! Requests are signed with ACS3 like those of Function Compute, and errors have its form.

mod bus_settings;
mod cancel_replay;
mod create_redrive;
mod create_replay;
mod dead_letter_json;
mod delete_catalog_addition;
mod discard_dead_letter;
mod dry_run;
mod event_query;
mod explain_event;
mod explanation;
mod find_events;
mod get_catalog_addition;
mod get_dead_letter;
mod get_redrive;
mod get_replay;
mod get_target;
mod list_catalog_additions;
mod list_dead_letters;
mod list_event_sources;
mod list_function_logs;
mod list_receivers;
mod list_replays;
mod list_targets;
mod make_sample;
mod pause_target;
mod put_catalog_addition;
mod put_event;
mod redrive_dead_letter;
mod redrive_json;
mod replay_json;
mod route;
mod target_json;
mod target_query;
mod trace_event;

use http::{Method, StatusCode};
use kulkul_access::Action;
use kulkul_bus::BusError;
use kulkul_listener::RequestBody;
use kulkul_model::{BusName, RequestId};
use tracing::Instrument;

use crate::answer::{Answer, chain, with_body};
use crate::api::{Call, discard, guarded};
use crate::fc::{FcError, failure, mark};
use crate::gate::{Replay, check_role};
use crate::signature::{Acs3, Refusal};
use route::{Operation, Route};

pub use explanation::explanation_json;

/// The first segments of every path.
pub(crate) const PREFIX: &str = "/kulkul/v1/";

/// The largest body: an event with its attributes in other clothes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    let id = RequestId::new(call.now);
    let span = tracing::debug_span!("native", request.id = id.as_str());
    let work = run(call, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or_else(|| Err(FcError::internal("panicked")));
    let mut answer = match done {
        Ok(answer) => answer,
        Err(error) => {
            if let Some(chain) = error.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            failure(&id, &error)
        }
    };
    mark(&mut answer, &id);
    answer
}

async fn run(call: Call<'_>, body: &mut RequestBody) -> Result<Answer, FcError> {
    if call.oversized {
        return Err(FcError::head_too_large(call.api.options.head_bytes_max));
    }
    let method: &Method = &call.head.method;
    let route = Route::of(method, call.path()).ok_or_else(|| FcError::unsupported(method, call.path()))?;
    let authorization = call.header("authorization").ok_or(Refusal::Unsigned)?;
    let admitted = call.api.gate.admit_acs3(authorization, &call.signed(), call.now, Replay::Allowed)?;
    check_role(&admitted.key, route.operation.action())?;
    let body = body.read_all(BODY_BYTES_MAX).await?;
    if let Some(hash) = admitted.content_sha256 {
        Acs3::check_body(&body, hash)?;
    }
    if route.operation.action() != Action::Read {
        // The body is read: what changes something goes on although its client hangs up.
        call.peer.run_to_end();
    }
    match route.operation {
        Operation::ListTargets => list_targets::run(call).await,
        Operation::GetTarget => get_target::run(call, route.name(0)).await,
        Operation::PauseTarget => pause_target::run(call, route.name(0)).await,
        Operation::ResumeTarget => pause_target::resume(call, route.name(0)).await,
        Operation::ListDeadLetters => list_dead_letters::run(call).await,
        Operation::GetDeadLetter => get_dead_letter::run(call, route.name(0)).await,
        Operation::DiscardDeadLetter => discard_dead_letter::run(call, route.name(0)).await,
        Operation::RedriveDeadLetter => redrive_dead_letter::run(call, route.name(0), &body).await,
        Operation::CreateRedrive => create_redrive::run(call, &body).await,
        Operation::ListRedrives => Ok(get_redrive::list(call)),
        Operation::GetRedrive => get_redrive::run(call, route.name(0)),
        Operation::CancelRedrive => get_redrive::cancel(call, route.name(0)).await,
        Operation::PutEvent => put_event::run(call, &bus(&route)?, &body).await,
        Operation::FindEvents => find_events::run(call, &bus(&route)?).await,
        Operation::TraceEvent => trace_event::run(call, &bus(&route)?, route.name(1)).await,
        Operation::ListReceivers => Ok(list_receivers::run(call)),
        Operation::ExplainEvent => explain_event::run(call, &bus(&route)?, route.name(1)).await,
        Operation::CreateReplay => create_replay::run(call, &bus(&route)?, &body).await,
        Operation::ListReplays => list_replays::run(call, &bus(&route)?),
        Operation::GetReplay => get_replay::run(call, &bus(&route)?, route.name(1)),
        Operation::CancelReplay => cancel_replay::run(call, &bus(&route)?, route.name(1)).await,
        Operation::DryRun => dry_run::run(call, &bus(&route)?, &body).await,
        Operation::GetBusSettings => bus_settings::get(call, &bus(&route)?),
        Operation::PutBusSettings => bus_settings::put(call, &bus(&route)?, &body).await,
        Operation::ListFunctionLogs => list_function_logs::run(call, route.name(0)),
        Operation::ListEventSources => list_event_sources::run(call),
        Operation::MakeSample => make_sample::run(call, &body),
        Operation::ListCatalogAdditions => Ok(list_catalog_additions::run(call)),
        Operation::GetCatalogAddition => get_catalog_addition::run(call, route.name(0)),
        Operation::PutCatalogAddition => put_catalog_addition::run(call, route.name(0), &body).await,
        Operation::DeleteCatalogAddition => delete_catalog_addition::run(call, route.name(0)).await,
    }
}

/// The bus that a path names first.
fn bus(route: &Route<'_>) -> Result<BusName, FcError> {
    Ok(route.name(0).parse::<BusName>()?)
}

/// What the hub refused, in the words of this API.
fn bus_error(error: BusError) -> FcError {
    match error {
        BusError::UnknownBus { .. } => FcError::not_found("EventBusNotExist", error.to_string()),
        BusError::UnknownRule { .. } => FcError::not_found("EventRuleNotExisted", error.to_string()),
        BusError::UnknownTarget { .. } => FcError::not_found("EventTargetNotExist", error.to_string()),
        BusError::Store(source) => FcError::store(&source, chain(&source)),
        error => FcError::invalid(chain(&error)),
    }
}

fn json(body: String) -> Answer {
    with_body(StatusCode::OK, "application/json", body)
}
