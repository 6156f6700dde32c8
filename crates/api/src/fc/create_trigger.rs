//! CreateTrigger.

use bytes::Bytes;
use kulkul_model::{FunctionName, Qualifier};
use kulkul_trigger::NewTrigger;

use super::error::FcError;
use super::trigger_output::TriggerOutput;
use super::{Rest, reply, trigger_warnings};
use crate::answer::Answer;
use crate::fields::Fields;

pub(super) async fn run(rest: &Rest<'_>, body: Bytes) -> Result<Answer, FcError> {
    let new = parse(rest.function()?, &body)?;
    let api = rest.call.api;
    let trigger = api.triggers.create(new).await?;
    let mut answer = reply::json(&TriggerOutput::of(&trigger, &api.identity));
    trigger_warnings::mark(&mut answer, &trigger, &api.sources.catalog());
    Ok(answer)
}

fn parse(function: FunctionName, body: &[u8]) -> Result<NewTrigger, FcError> {
    let mut fields = Fields::parse(body)?;
    let name: String = fields.require("triggerName")?;
    Ok(NewTrigger {
        function,
        name: name.parse()?,
        kind: fields.require("triggerType")?,
        config: fields.take("triggerConfig")?,
        qualifier: qualifier(&mut fields)?,
        source_arn: fields.take("sourceArn")?,
        invocation_role: fields.take("invocationRole")?,
        description: fields.take("description")?,
    })
}

/// `qualifier`; an empty one is none.
pub(super) fn qualifier(fields: &mut Fields<'_>) -> Result<Option<Qualifier>, FcError> {
    let text = fields.take::<String>("qualifier")?.filter(|text| !text.is_empty());
    Ok(text.map(|text| text.parse()).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_trigger_is_understood() {
        let body = br#"{"description":"d","qualifier":"LATEST","triggerConfig":"{\"triggerEnable\":true}","triggerName":"t1","triggerType":"eventbridge"}"#;
        let new = parse("resize".parse().unwrap(), body).unwrap();
        assert_eq!((new.name.as_str(), new.kind.as_str()), ("t1", "eventbridge"));
        assert_eq!(new.config.as_deref(), Some(r#"{"triggerEnable":true}"#));
        assert_eq!(new.qualifier, Some(Qualifier::latest()));
    }

    #[test]
    fn a_configuration_is_a_text_and_not_an_object() {
        let body =
            br#"{"triggerConfig":{"triggerEnable":true},"triggerName":"t1","triggerType":"eventbridge"}"#;
        let error = parse("resize".parse().unwrap(), body).unwrap_err();
        assert!(
            error.message.starts_with("triggerConfig: invalid type: map, expected a string"),
            "{error:?}"
        );
    }
}
