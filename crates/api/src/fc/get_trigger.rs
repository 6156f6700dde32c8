//! GetTrigger.

use super::error::FcError;
use super::trigger_output::TriggerOutput;
use super::{Rest, reply};
use crate::answer::Answer;

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let trigger = rest.call.api.triggers.get(&rest.function()?, &rest.trigger()?).await?;
    Ok(reply::json(&TriggerOutput::of(&trigger, &rest.call.api.identity)))
}
