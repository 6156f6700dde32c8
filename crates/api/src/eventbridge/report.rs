//! What happened to buses, rules, targets and sources, as events.
//!
//! The catalog of the cloud has no source `acs.eventbridge`; it is named as all others are.

use kulkul_access::AccessKey;
use kulkul_bus::{Operation as Report, Service, Telling};
use serde_json::{Map, Value};

use super::error::RpcError;
use super::operation::Operation;
use super::reply::{RequestId, Success};
use super::{Rpc, VERSION};

/// The parameters that may be told: names, and nothing that could hold a secret.
const TOLD: [&str; 9] = [
    "EventBusName",
    "RuleName",
    "EventSourceName",
    "ConnectionName",
    "ApiDestinationName",
    "Description",
    "Status",
    "FilterPattern",
    "TargetIds",
];

/// Ours: a longer value is left out.
const VALUE_BYTES_MAX: usize = 4096;

/// The parameter that names the resource of an operation, the most special first, and what kind that is.
const RESOURCES: [(&str, &str); 5] = [
    ("RuleName", "Rule"),
    ("EventSourceName", "EventSource"),
    ("ApiDestinationName", "ApiDestination"),
    ("ConnectionName", "Connection"),
    ("EventBusName", "EventBus"),
];

/// Tells of an operation that changes something.
pub(super) async fn change(
    rpc: Rpc<'_>,
    id: &RequestId,
    key: &AccessKey,
    operation: Operation,
    done: Result<&Success, &RpcError>,
) {
    let params = rpc.params;
    let (kind, resource) = RESOURCES
        .iter()
        .find_map(|(name, kind)| Some((*kind, params.get(name).filter(|text| !text.is_empty())?)))
        .unwrap_or(("EventBus", ""));
    let told = TOLD.iter().filter_map(|name| Some((*name, params.get(name)?)));
    let parameters: Map<String, Value> = told
        .filter(|(_, value)| value.len() <= VALUE_BYTES_MAX)
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    let report = Report {
        service: Service::EventBridge,
        name: operation.name(),
        id: id.as_str(),
        operator: rpc.call.operator(key, VERSION),
        resource_kind: kind,
        resource,
        parameters,
        failure: done.err().map(|error| (&*error.code, &*error.message)),
    };
    rpc.call.tell(&report, &[Telling::ActionTrail]).await;
}
