//! GetAsyncInvokeConfig.

use super::async_config::AsyncConfigOutput;
use super::error::FcError;
use super::{Rest, reply};
use crate::answer::Answer;

pub(super) fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let config = rest.call.api.functions.async_config(&rest.function()?, &rest.qualifier()?)?;
    Ok(reply::json(&AsyncConfigOutput::of(&config, &rest.call.api.identity)))
}
