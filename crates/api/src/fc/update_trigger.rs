//! UpdateTrigger.

use bytes::Bytes;
use kulkul_trigger::TriggerUpdate;

use super::create_trigger::qualifier;
use super::error::FcError;
use super::trigger_output::TriggerOutput;
use super::{Rest, reply};
use crate::answer::Answer;
use crate::fields::Fields;

/// Changes what the body has. Name, type and source stay what they are.
pub(super) async fn run(rest: &Rest<'_>, body: Bytes) -> Result<Answer, FcError> {
    let mut fields = Fields::parse(&body)?;
    let update = TriggerUpdate {
        config: fields.take("triggerConfig")?,
        qualifier: qualifier(&mut fields)?,
        invocation_role: fields.take("invocationRole")?,
        description: fields.take("description")?,
    };
    let trigger = rest.call.api.triggers.update(&rest.function()?, &rest.trigger()?, update).await?;
    Ok(reply::json(&TriggerOutput::of(&trigger, &rest.call.api.identity)))
}
