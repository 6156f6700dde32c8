//! ListUserDefinedEventSources.

use kulkul_model::source_arn;
use kulkul_source::RegisteredSource;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Rpc;
use super::error::RpcError;
use super::page::Page;
use super::reply::Success;
use super::source_kind;
use crate::api::Api;
use crate::gate::Secrets;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    event_source_list: Vec<SourceOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SourceOutput<'a> {
    arn: String,
    name: &'a str,
    event_bus_name: &'a str,
    r#type: &'static str,
    status: &'static str,
    ctime: i64,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_source_type: Option<&'static str>,
    /// The block of parameters of its kind.
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

/// The sources that are registered on a bus, or on all when none is named, in order of name.
pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, api, page) = (rpc.params, rpc.call.api, Page::asked(rpc.params)?);
    let bus = match params.get("EventBusName").filter(|name| !name.is_empty()) {
        Some(_) => Some(api.hub.get_bus(&params.bus()?)?.name),
        None => None,
    };
    let found = api.sources.registered(bus.as_ref(), params.get("NamePrefix").unwrap_or_default());
    let shown = found.iter().skip(page.offset).take(page.limit);
    let event_source_list = shown.map(|source| SourceOutput::of(source, api, rpc.secrets)).collect();
    let next_token = page.next_token(found.len());
    Ok(Success::of(&Listed { event_source_list, next_token, total: found.len() }))
}

impl<'a> SourceOutput<'a> {
    fn of(source: &'a RegisteredSource, api: &Api, secrets: Secrets) -> Self {
        let (external_source_type, parameters) =
            source_kind::shown(&source.kind, &api.options.receive.public_url, secrets);
        Self {
            arn: source_arn(&api.identity, &source.bus, source.name.as_str()),
            name: source.name.as_str(),
            event_bus_name: source.bus.as_str(),
            r#type: "UserDefined",
            status: "Activated",
            ctime: source.created_at.as_millis(),
            description: source.description.as_deref().unwrap_or_default(),
            external_source_type,
            parameters,
        }
    }
}
