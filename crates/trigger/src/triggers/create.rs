//! Creating a trigger.

use kulkul_delivery::Call;
use kulkul_function::to_its_end;
use kulkul_model::{BusName, FunctionName, Qualifier, RuleName, rule_arn};
use kulkul_store::{QueueId, StoreError};
use uuid::Uuid;

use super::Triggers;
use super::held::Held;
use crate::TriggerError;
use crate::compile;
use crate::document::{self, trigger_key};
use crate::error::invalid;
use crate::trigger::{NewTrigger, RuleOrigin, Trigger, TriggerKind, check_description};

impl Triggers {
    /// Creates a trigger and its rule, or nothing. Events that arrive after this returns call the function.
    ///
    /// Runs to its end although the caller goes away.
    pub async fn create(&self, new: NewTrigger) -> Result<Trigger, TriggerError> {
        let this = self.shared();
        to_its_end(async move { this.create_now(new).await }).await
    }

    async fn create_now(&self, new: NewTrigger) -> Result<Trigger, TriggerError> {
        let mut held = self.control.lock().await;
        let trigger = self.checked(new, &held).await?;
        let key = trigger_key(&trigger.function, &trigger.name);
        let created = self.parts.metadata.create(&key, document::write(&trigger)).await;
        created.map_err(|error| match error {
            StoreError::Conflict { .. } => TriggerError::TriggerAlreadyExists {
                function: trigger.function.clone(),
                trigger: trigger.name.clone(),
            },
            source => TriggerError::Store { action: "store a trigger", source },
        })?;
        held.add(&trigger);
        let mut written = self.write_rule(&trigger).await;
        // The function may have been deleted since it was looked up: it had no trigger then.
        if written.is_ok() {
            written = self.check_function(&trigger.function);
        }
        if let Err(error) = written {
            // What fails here is put right at the next start.
            let _ = self.delete_rule(&trigger).await;
            if self.parts.metadata.delete(&key, None).await.is_ok() {
                held.remove(&trigger);
            }
            return Err(error);
        }
        tracing::info!(function = %trigger.function, trigger = %trigger.name, kind = %trigger.kind, "trigger created");
        Ok(trigger)
    }

    async fn checked(&self, new: NewTrigger, held: &Held) -> Result<Trigger, TriggerError> {
        let qualifier = new.qualifier.unwrap_or_else(Qualifier::latest);
        self.check_function(&new.function)?;
        let kind: TriggerKind = new.kind.parse()?;
        self.parts.functions.get(&new.function, &qualifier)?;
        check_description(new.description.as_ref())?;
        let key = trigger_key(&new.function, &new.name);
        let known = self.parts.metadata.get(&key).await.map_err(TriggerError::store("read a trigger"))?;
        if known.is_some() {
            return Err(TriggerError::TriggerAlreadyExists { function: new.function, trigger: new.name });
        }
        let count_max = self.parts.options.trigger_count_max;
        if held.count(&new.function) >= count_max {
            return Err(TriggerError::LimitExceeded { function: new.function, count_max });
        }
        let Some(config) = new.config.filter(|config| !config.trim().is_empty()) else {
            return invalid("triggerConfig must be set");
        };
        let own_rule = Trigger::own_rule(&new.function, &new.name);
        let own_arn = rule_arn(self.identity(), &BusName::default_bus(), &own_rule);
        let (origin, source_arn) = match (kind, new.source_arn.filter(|arn| !arn.is_empty())) {
            (TriggerKind::EventBridge, Some(arn)) if arn != own_arn => {
                (self.linked(&arn, &new.function, held)?, arn)
            }
            (TriggerKind::EventBridge, _) => (RuleOrigin::Own, own_arn),
            (TriggerKind::Objects, arn) => (RuleOrigin::Own, arn.unwrap_or_default()),
        };
        let config = match kind {
            // The text is kept as it is, but for the space between its tokens.
            TriggerKind::EventBridge => compacted(&config)?,
            TriggerKind::Objects => config,
        };
        let now = self.parts.clock.now();
        let trigger = Trigger {
            function: new.function,
            name: new.name,
            id: Uuid::new_v4().to_string(),
            kind,
            qualifier,
            description: new.description,
            invocation_role: new.invocation_role,
            source_arn,
            config,
            origin,
            created_at: now,
            modified_at: now,
        };
        self.compiled(&trigger)?;
        if trigger.origin == RuleOrigin::Own {
            self.check_rule_is_free(&own_rule)?;
        }
        Ok(trigger)
    }

    /// The existing rule that an ARN names. It must call the function already, since it stays as it is.
    fn linked(&self, arn: &str, function: &FunctionName, held: &Held) -> Result<RuleOrigin, TriggerError> {
        let shown: String = arn.chars().take(512).collect();
        let Some((bus, rule)) = parse_rule_arn(arn) else {
            return invalid(format!("sourceArn '{shown}' is not the ARN of a rule"));
        };
        let Ok(found) = self.parts.hub.get_rule(&bus, &rule) else {
            return invalid(format!("sourceArn '{shown}' names a rule that does not exist"));
        };
        let calls = |target: &kulkul_delivery::TargetConfig| {
            let plan = target.compile(QueueId("check".into()));
            plan.is_ok_and(
                |plan| matches!(plan.call, Call::Function { function: called, .. } if called == *function),
            )
        };
        if !found.targets.iter().any(calls) {
            return invalid(format!(
                "sourceArn '{shown}' names a rule that does not call function '{function}'"
            ));
        }
        if found.owner.is_some() || held.is_linked(&bus, &rule) {
            return Err(TriggerError::EventBridgeTriggerConflict { source_arn: arn.to_owned() });
        }
        Ok(RuleOrigin::Linked { bus, rule })
    }
}

fn compacted(config: &str) -> Result<String, TriggerError> {
    compile::parse(config)?;
    let mut text = Vec::with_capacity(config.len());
    kulkul_model::compact(config, &mut text)
        .map_err(|error| TriggerError::InvalidArgument(format!("triggerConfig {error}")))?;
    Ok(String::from_utf8(text).expect("text without some of its spaces is text"))
}

/// `acs:eventbridge:{region}:{account}:eventbus/{bus}/rule/{rule}`.
fn parse_rule_arn(arn: &str) -> Option<(BusName, RuleName)> {
    let resource = arn.strip_prefix("acs:eventbridge:")?.splitn(3, ':').nth(2)?;
    let (bus, rule) = resource.strip_prefix("eventbus/")?.split_once("/rule/")?;
    Some((bus.parse().ok()?, rule.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_rule_names_bus_and_rule() {
        let parsed = parse_rule_arn("acs:eventbridge:cn-hangzhou:1:eventbus/orders/rule/big");
        assert_eq!(parsed, Some(("orders".parse().unwrap(), "big".parse().unwrap())));
        for other in
            ["", "acs:eventbridge:cn-hangzhou:1:eventbus/orders", "acs:oss:cn-hangzhou:1:media", "orders"]
        {
            assert_eq!(parse_rule_arn(other), None, "{other}");
        }
    }
}
