//! EventBridge 2020-04-01, control plane: RPC over `POST /` or `GET /`.
//!
//! The operation is named by the header `x-acs-action` or the parameter `Action`. Parameters come in the query, in a
//! form, or in both; which one a client uses differs, so they are one map here.

mod api_destination;
mod connection;
pub(crate) mod data_plane;
mod error;
mod operation;
mod page;
mod params;
mod reply;
mod report;
mod request;
mod source_kind;
mod target;

mod check_role_for_product;
mod check_service_linked_role_for_product;
mod create_api_destination;
mod create_connection;
mod create_event_bus;
mod create_event_source;
mod create_rule;
mod create_service_linked_role_for_product;
mod delete_api_destination;
mod delete_connection;
mod delete_event_bus;
mod delete_event_source;
mod delete_rule;
mod delete_targets;
mod disable_rule;
mod enable_rule;
mod get_api_destination;
mod get_connection;
mod get_event_bus;
mod get_rule;
mod list_aliyun_official_event_sources;
mod list_api_destinations;
mod list_connections;
mod list_event_buses;
mod list_partner_event_sources;
mod list_rules;
mod list_targets;
mod list_user_defined_event_sources;
mod put_events;
mod put_targets;
mod query_event;
mod query_event_traces;
mod query_events;
mod query_traced_event_by_event_id;
mod query_traced_events;
mod test_event_pattern;
mod update_api_destination;
mod update_connection;
mod update_event_bus;
mod update_event_source;
mod update_rule;

use http::Method;
use kulkul_access::{AccessKey, Action};
use kulkul_listener::RequestBody;
use tracing::Instrument;

use crate::answer::Answer;
use crate::api::{Call, discard, guarded};
use crate::gate::{Secrets, check_role};
use crate::signature::Refusal;
pub(crate) use error::{RpcError, bad_bus_name, event_code};
use operation::Operation;
pub(crate) use params::Params;
pub(crate) use put_events::entries;
pub(crate) use reply::RequestId;
use reply::Success;
pub(crate) use request::RpcRequest;
pub(crate) use target::configs_of_json as target_configs;

/// The version of the API.
pub(crate) const VERSION: &str = "2020-04-01";

/// 1 MB of events (EventBridge 2020-04-01, "Limits") as a form: in the worst case each byte takes three.
const FORM_BYTES_MAX: usize = 3 * 1024 * 1024 + 64 * 1024;

/// An operation under way.
#[derive(Clone, Copy)]
pub(crate) struct Rpc<'a> {
    pub(crate) call: Call<'a>,
    pub(crate) params: &'a Params<'a>,
    pub(crate) secrets: Secrets,
}

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, mut body: RequestBody) -> Answer {
    let id = RequestId::random();
    let span = tracing::debug_span!("eventbridge", request.id = id.as_str());
    let work = run(call, &id, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or_else(|| Err(RpcError::internal("panicked")));
    match done {
        Ok(success) => reply::success(&id, success),
        Err(error) => {
            if let Some(chain) = error.chain() {
                tracing::error!(request.id = id.as_str(), error = chain, "an operation failed");
            }
            discard(call, &mut body).await;
            reply::failure(
                &id,
                &error,
                call.header("host").unwrap_or_default(),
                call.api.options.business_errors,
            )
        }
    }
}

async fn run(call: Call<'_>, id: &RequestId, body: &mut RequestBody) -> Result<Success, RpcError> {
    if call.oversized {
        return Err(RpcError::head_too_large(call.api.options.head_bytes_max));
    }
    if call.path() != "/" {
        return Err(RpcError::unknown_api());
    }
    if call.head.method != Method::POST && call.head.method != Method::GET {
        return Err(RpcError::unsupported_method());
    }
    let request = RpcRequest::read(call, body, FORM_BYTES_MAX).await?;
    let (params, key) = request.admitted_params()?;
    let operation = requested(call, &params)?;
    check(&key, operation)?;
    if operation.action() != Action::Read {
        // The body is read: what changes something goes on although its client hangs up.
        call.peer.run_to_end();
    }
    let rpc = Rpc { call, params: &params, secrets: Secrets::seen_by(&key) };
    match operation {
        Operation::PutEvents => put_events::run(rpc).await,
        other => Box::pin(dispatch_and_tell(rpc, id, &key, other)).await,
    }
}

async fn dispatch_and_tell(
    rpc: Rpc<'_>,
    id: &RequestId,
    key: &AccessKey,
    operation: Operation,
) -> Result<Success, RpcError> {
    let done = dispatch(rpc, operation).await;
    if operation.action() == Action::Admin {
        report::change(rpc, id, key, operation, done.as_ref()).await;
    }
    done
}

fn requested(call: Call<'_>, params: &Params<'_>) -> Result<Operation, RpcError> {
    let version = call.header("x-acs-version").or_else(|| params.get("Version"));
    if version.is_some_and(|version| version != VERSION) {
        return Err(RpcError::invalid("Version"));
    }
    let action = call.header("x-acs-action").or_else(|| params.get("Action"));
    let action = action.ok_or_else(|| RpcError::missing("Action"))?;
    Operation::named(action).ok_or_else(RpcError::unknown_api)
}

fn check(key: &AccessKey, operation: Operation) -> Result<(), Refusal> {
    check_role(key, operation.action())
}

async fn dispatch(rpc: Rpc<'_>, operation: Operation) -> Result<Success, RpcError> {
    match operation {
        Operation::CreateEventBus => create_event_bus::run(rpc).await,
        Operation::GetEventBus => get_event_bus::run(rpc),
        Operation::UpdateEventBus => update_event_bus::run(rpc).await,
        Operation::ListEventBuses => list_event_buses::run(rpc),
        Operation::DeleteEventBus => delete_event_bus::run(rpc).await,
        Operation::CreateEventSource => create_event_source::run(rpc).await,
        Operation::UpdateEventSource => update_event_source::run(rpc).await,
        Operation::DeleteEventSource => delete_event_source::run(rpc).await,
        Operation::ListUserDefinedEventSources => list_user_defined_event_sources::run(rpc),
        Operation::ListAliyunOfficialEventSources => list_aliyun_official_event_sources::run(rpc),
        Operation::ListPartnerEventSources => Ok(list_partner_event_sources::run()),
        Operation::CreateRule => create_rule::run(rpc).await,
        Operation::GetRule => get_rule::run(rpc),
        Operation::UpdateRule => update_rule::run(rpc).await,
        Operation::ListRules => list_rules::run(rpc),
        Operation::DeleteRule => delete_rule::run(rpc).await,
        Operation::EnableRule => enable_rule::run(rpc).await,
        Operation::DisableRule => disable_rule::run(rpc).await,
        Operation::PutTargets => put_targets::run(rpc).await,
        Operation::DeleteTargets => delete_targets::run(rpc).await,
        Operation::ListTargets => list_targets::run(rpc),
        Operation::PutEvents => put_events::run(rpc).await,
        Operation::TestEventPattern => test_event_pattern::run(rpc),
        Operation::QueryEvent => query_event::run(rpc).await,
        Operation::QueryEvents => query_events::run(rpc).await,
        Operation::QueryEventTraces => query_event_traces::run(rpc).await,
        Operation::QueryTracedEvents => query_traced_events::run(rpc).await,
        Operation::QueryTracedEventByEventId => query_traced_event_by_event_id::run(rpc).await,
        Operation::CreateConnection => create_connection::run(rpc).await,
        Operation::GetConnection => get_connection::run(rpc),
        Operation::UpdateConnection => update_connection::run(rpc).await,
        Operation::ListConnections => list_connections::run(rpc),
        Operation::DeleteConnection => delete_connection::run(rpc).await,
        Operation::CreateApiDestination => create_api_destination::run(rpc).await,
        Operation::GetApiDestination => get_api_destination::run(rpc),
        Operation::UpdateApiDestination => update_api_destination::run(rpc).await,
        Operation::ListApiDestinations => list_api_destinations::run(rpc),
        Operation::DeleteApiDestination => delete_api_destination::run(rpc).await,
        Operation::CheckRoleForProduct => Ok(check_role_for_product::run()),
        Operation::CheckServiceLinkedRoleForProduct => check_service_linked_role_for_product::run(rpc),
        Operation::CreateServiceLinkedRoleForProduct => create_service_linked_role_for_product::run(rpc),
    }
}

/// What fuzzing reaches of this module.
#[cfg(test)]
pub(crate) mod fuzz {
    use super::data_plane::events_of_batch;
    use super::page::Page;
    use super::params::Params;
    use super::target::{TargetInput, configs};
    use crate::signature::Classic;

    /// Reads parameters. No random text can have been signed.
    pub(crate) fn parameters(text: &str, key: &kulkul_access::AccessKey) {
        let Ok(params) = Params::parse(text, text.as_bytes()) else { return };
        assert!(params.iter().all(|(name, value)| params.get(name) == Some(value)), "{text}");
        drop(Page::asked(&params));
        drop(params.structured::<serde_json::Value>("T"));
        drop(params.structured::<Vec<TargetInput>>("T").map(|targets| targets.map(configs)));
        let signed = Classic::find(|name| params.get(name));
        assert!(signed.and_then(|signed| signed.verify(key, "POST", params.iter())).is_err(), "{text}");
    }

    /// Reads events of both planes.
    pub(crate) fn events(text: &str) {
        drop(super::put_events::drafts(text));
        events_of_batch(text);
    }
}
