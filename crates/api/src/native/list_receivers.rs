//! What came from outside without a key: events taken, and requests refused by code, since the start.

use http::StatusCode;

use crate::answer::{Answer, with_body};
use crate::api::Call;

pub(super) fn run(call: Call<'_>) -> Answer {
    with_body(StatusCode::OK, "application/json", call.api.receivers.report().to_string())
}
