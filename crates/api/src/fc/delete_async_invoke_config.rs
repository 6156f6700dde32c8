//! DeleteAsyncInvokeConfig.

use super::error::FcError;
use super::{Rest, reply};
use crate::answer::Answer;

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    rest.call.api.functions.delete_async_config(&rest.function()?, &rest.qualifier()?).await?;
    Ok(reply::nothing())
}
