//! DeleteFunction.

use super::error::FcError;
use super::{Rest, reply};
use crate::answer::Answer;

/// Refused while the function has triggers.
pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    rest.call.api.functions.delete(&rest.function()?).await?;
    Ok(reply::nothing())
}
