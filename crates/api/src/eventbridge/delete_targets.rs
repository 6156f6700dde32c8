//! DeleteTargets.

use kulkul_model::TargetId;

use super::Rpc;
use super::error::RpcError;
use super::put_targets::{Entries, ErrorEntry};
use super::reply::Success;

/// A target that is not there gets an entry of its own; the others are deleted.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let (bus, name) = (params.bus()?, params.rule()?);
    let texts =
        params.structured::<Vec<String>>("TargetIds")?.ok_or_else(|| RpcError::missing("TargetIds"))?;
    // What cannot be an id cannot be there either.
    let (known, unknown): (Vec<_>, Vec<_>) =
        texts.into_iter().map(|text| text.parse::<TargetId>().map_err(|_| text)).partition(Result::is_ok);
    let ids: Vec<TargetId> = known.into_iter().flatten().collect();
    let gone = rpc.call.api.hub.delete_targets(&bus, &name, &ids).await?;
    let gone = gone.iter().map(|id| id.as_str().to_owned());
    let error_entries: Vec<ErrorEntry> =
        unknown.into_iter().filter_map(Result::err).chain(gone).map(missing).collect();
    Ok(Success::of_200(&Entries { error_entries_count: error_entries.len(), error_entries }))
}

fn missing(entry_id: String) -> ErrorEntry {
    let error_message = format!("the rule has no target `{entry_id}`");
    ErrorEntry { entry_id, error_code: "EventTargetNotExist", error_message }
}
