//! PutAsyncInvokeConfig.

use bytes::Bytes;

use super::async_config::{AsyncConfigOutput, input};
use super::error::FcError;
use super::{Rest, reply};
use crate::answer::Answer;

/// Creates the settings, or merges with those that are there.
pub(super) async fn run(rest: &Rest<'_>, body: Bytes) -> Result<Answer, FcError> {
    let (function, qualifier, patch) = (rest.function()?, rest.qualifier()?, input(&body)?);
    let config = rest.call.api.functions.put_async_config(&function, &qualifier, patch).await?;
    Ok(reply::json(&AsyncConfigOutput::of(&config, &rest.call.api.identity)))
}
