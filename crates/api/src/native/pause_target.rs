//! Pauses a target, or lets it go on. Answers with the target.

use kulkul_store::QueueId;

use super::get_target;
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, name: &str) -> Result<Answer, FcError> {
    let paused = call.api.hub.dispatcher().pause(&QueueId(name.into())).await;
    changed(call, name, paused.map_err(|error| FcError::store(&error, chain(&error)))?).await
}

/// Lets a target go on that is paused or blocked, and probes one at once that is parked.
pub(super) async fn resume(call: Call<'_>, name: &str) -> Result<Answer, FcError> {
    let resumed = call.api.hub.dispatcher().resume(&QueueId(name.into())).await;
    changed(call, name, resumed.map_err(|error| FcError::store(&error, chain(&error)))?).await
}

async fn changed(call: Call<'_>, name: &str, found: bool) -> Result<Answer, FcError> {
    match found {
        true => get_target::run(call, name).await,
        false => Err(get_target::unknown(name)),
    }
}
