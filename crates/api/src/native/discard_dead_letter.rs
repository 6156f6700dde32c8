//! Forgets a dead letter for good.

use kulkul_delivery::DeadLetterId;

use super::get_dead_letter::unknown;
use super::json;
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, id: &str) -> Result<Answer, FcError> {
    let parsed: DeadLetterId = id.parse().map_err(|_| unknown(id))?;
    let discarded = call.api.hub.dispatcher().discard(&parsed).await;
    match discarded.map_err(|error| FcError::store(&error, chain(&error)))? {
        true => Ok(json("{}".to_owned())),
        false => Err(unknown(id)),
    }
}
