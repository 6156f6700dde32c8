//! PutTargets.

use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;
use super::target::{TargetInput, configs};

/// What became of the entries of a request.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entries {
    pub(super) error_entries: Vec<ErrorEntry>,
    pub(super) error_entries_count: usize,
}

/// An entry that was refused.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ErrorEntry {
    pub(super) entry_id: String,
    pub(super) error_code: &'static str,
    pub(super) error_message: String,
}

/// Puts all targets or none, so there are no entries with errors.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let params = rpc.params;
    let (bus, name) = (params.bus()?, params.rule()?);
    let targets =
        params.structured::<Vec<TargetInput>>("Targets")?.ok_or_else(|| RpcError::missing("Targets"))?;
    rpc.call.api.hub.put_targets(&bus, &name, configs(targets)?).await?;
    Ok(Success::of(&Entries::default()))
}
