//! One replay, with how far it has come.

use kulkul_model::BusName;

use super::json;
use super::replay_json::{replay_error, replay_json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;

pub(super) fn run(call: Call<'_>, bus: &BusName, id: &str) -> Result<Answer, FcError> {
    let replay = call.api.hub.get_replay(bus, &id.parse()?).map_err(replay_error)?;
    Ok(json(replay_json(&replay).to_string()))
}
