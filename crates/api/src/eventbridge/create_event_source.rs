//! CreateEventSource.

use kulkul_model::source_arn;
use kulkul_source::NewSource;
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;
use super::source_kind;

#[derive(Serialize)]
struct Created {
    #[serde(rename = "EventSourceARN")]
    arn: String,
}

/// The names of sources are unique in the account, whatever their buses.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let new = NewSource {
        bus: params.bus()?,
        name: params.source()?,
        description: params.get("Description").map(str::to_owned),
        kind: source_kind::required(params)?,
    };
    let source = rpc.call.api.sources.create(new).await?;
    tracing::info!(bus = %source.bus, source = %source.name, kind = source.kind.word(), "created an event source");
    Ok(Success::of(&Created { arn: source_arn(&rpc.call.api.identity, &source.bus, source.name.as_str()) }))
}
