//! What came from outside without a key: events taken, and requests refused by code, since the start.

use super::json;
use crate::answer::Answer;
use crate::api::Call;

pub(super) fn run(call: Call<'_>) -> Answer {
    json(call.api.receivers.report().to_string())
}
