//! DeleteTrigger.

use super::error::FcError;
use super::{Rest, reply};
use crate::answer::Answer;

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    rest.call.api.triggers.delete(&rest.function()?, &rest.trigger()?).await?;
    Ok(reply::nothing())
}
