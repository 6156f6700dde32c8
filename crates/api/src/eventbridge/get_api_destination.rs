//! GetApiDestination.

use super::Rpc;
use super::api_destination::{DestinationOutput, name};
use super::error::RpcError;
use super::reply::Success;

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let destination = rpc.call.api.connections.get_destination(&name(rpc.params)?)?;
    Ok(Success::of(&DestinationOutput::of(&destination)).without_flag())
}
