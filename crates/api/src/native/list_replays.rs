//! The replays of a bus, newest first; those that have ended are kept for a while.

use kulkul_model::BusName;
use serde_json::{Value, json as value};

use super::json;
use super::replay_json::{replay_error, replay_json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;

pub(super) fn run(call: Call<'_>, bus: &BusName) -> Result<Answer, FcError> {
    let replays = call.api.hub.list_replays(bus).map_err(replay_error)?;
    let replays: Vec<Value> = replays.iter().map(replay_json).collect();
    Ok(json(value!({"replays": replays}).to_string()))
}
