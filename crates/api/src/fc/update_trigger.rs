//! UpdateTrigger.

use bytes::Bytes;
use kulkul_trigger::TriggerUpdate;

use super::create_trigger::qualifier;
use super::error::FcError;
use super::trigger_output::TriggerOutput;
use super::{Rest, reply, trigger_warnings};
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
    let api = rest.call.api;
    let trigger = api.triggers.update(&rest.function()?, &rest.trigger()?, update).await?;
    let mut answer = reply::json(&TriggerOutput::of(&trigger, &api.identity));
    trigger_warnings::mark(&mut answer, &trigger, &api.sources.catalog());
    Ok(answer)
}
