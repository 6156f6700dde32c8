//! Forgets a dead letter for good.

use http::StatusCode;
use kulkul_delivery::DeadLetterId;

use super::get_dead_letter::unknown;
use crate::answer::{Answer, chain, with_body};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, id: &str) -> Result<Answer, FcError> {
    let parsed: DeadLetterId = id.parse().map_err(|_| unknown(id))?;
    let discarded = call.api.hub.dispatcher().discard(&parsed).await;
    match discarded.map_err(|error| FcError::store(&error, chain(&error)))? {
        true => Ok(with_body(StatusCode::OK, "application/json", "{}")),
        false => Err(unknown(id)),
    }
}
