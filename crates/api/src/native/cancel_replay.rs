//! Stops a replay. What it has sent stays sent.

use kulkul_model::BusName;

use super::json;
use super::replay_json::{replay_error, replay_json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, bus: &BusName, id: &str) -> Result<Answer, FcError> {
    let replay = call.api.hub.cancel_replay(bus, &id.parse()?).await.map_err(replay_error)?;
    Ok(json(replay_json(&replay).to_string()))
}
