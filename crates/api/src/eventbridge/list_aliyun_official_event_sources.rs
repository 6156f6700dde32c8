//! ListAliyunOfficialEventSources.

use kulkul_catalog::{EventSource, EventType};
use kulkul_model::{BusName, Identity, system_source_arn};
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    event_source_list: Vec<SourceOutput<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SourceOutput<'a> {
    arn: String,
    name: &'a str,
    full_name: &'a str,
    description: &'a str,
    event_bus_name: String,
    status: &'static str,
    r#type: &'static str,
    /// Nobody knows when a service of the cloud became an event source.
    ctime: i64,
    event_types: Vec<TypeOutput<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TypeOutput<'a> {
    event_source_name: &'a str,
    group_name: &'a str,
    name: &'a str,
    short_name: &'a str,
}

/// Every source that is bound to no bus: the services of the cloud, and what users added to the catalog.
pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let api = rpc.call.api;
    let catalog = api.sources.catalog();
    let unbound = catalog.sources().filter(|source| source.bus().is_none());
    let event_source_list = unbound.map(|source| SourceOutput::of(source, &api.identity)).collect();
    Ok(Success::of(&Listed { event_source_list }))
}

impl<'a> SourceOutput<'a> {
    /// Source of `Type` and `Status`: EventBridge 2020-04-01, the documented sample.
    fn of(source: &'a EventSource, identity: &Identity) -> Self {
        let types = source.types().iter();
        Self {
            arn: system_source_arn(identity, source.name()),
            name: source.name(),
            full_name: source.full_name(),
            description: source.description(),
            event_bus_name: BusName::default_bus().to_string(),
            status: "Activated",
            r#type: "1",
            ctime: 0,
            event_types: types.map(|kind| TypeOutput::of(source, kind)).collect(),
        }
    }
}

impl<'a> TypeOutput<'a> {
    fn of(source: &'a EventSource, kind: &'a EventType) -> Self {
        Self {
            event_source_name: source.name(),
            group_name: kind.group_name(),
            name: kind.full_name(),
            short_name: kind.short_name(),
        }
    }
}
