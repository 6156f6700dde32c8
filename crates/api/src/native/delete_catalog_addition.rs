//! Takes additions to the catalog away.

use http::StatusCode;
use kulkul_source::AdditionName;

use crate::answer::{Answer, empty};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, name: &str) -> Result<Answer, FcError> {
    let name: AdditionName = name.parse()?;
    call.api.sources.delete_addition(&name).await?;
    tracing::info!(addition = %name, "deleted catalog additions");
    Ok(empty(StatusCode::NO_CONTENT))
}
