//! UpdateEventSource.

use kulkul_source::SourceUpdate;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;
use super::source_kind;

/// Changes description and parameters. What is absent stays; a description that is there and empty clears. A source
/// keeps its kind.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let (bus, name) = (params.bus()?, params.source()?);
    let update = SourceUpdate {
        description: params.get("Description").map(str::to_owned),
        kind: source_kind::given(params)?,
    };
    rpc.call.api.sources.update(&bus, &name, update).await?;
    Ok(Success::of(&true))
}
