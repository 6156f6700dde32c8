//! A trigger as clients see it: `Trigger`.

use kulkul_model::Identity;
use kulkul_trigger::Trigger;
use serde::Serialize;

/// The wire object. `triggerConfig` is a text that holds JSON, as in requests.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TriggerOutput<'a> {
    created_time: String,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_role: Option<&'a str>,
    last_modified_time: String,
    qualifier: &'a str,
    source_arn: &'a str,
    status: &'static str,
    target_arn: String,
    trigger_config: &'a str,
    trigger_id: &'a str,
    trigger_name: &'a str,
    trigger_type: &'static str,
}

impl<'a> TriggerOutput<'a> {
    pub(super) fn of(trigger: &'a Trigger, identity: &Identity) -> Self {
        Self {
            created_time: trigger.created_at.rfc3339_secs(),
            description: trigger.description.as_deref().unwrap_or_default(),
            invocation_role: trigger.invocation_role.as_deref(),
            last_modified_time: trigger.modified_at.rfc3339_secs(),
            qualifier: trigger.qualifier.as_str(),
            source_arn: &trigger.source_arn,
            status: "OK",
            target_arn: trigger.target_arn(identity),
            trigger_config: &trigger.config,
            trigger_id: &trigger.id,
            trigger_name: trigger.name.as_str(),
            trigger_type: trigger.kind.as_str(),
        }
    }
}
