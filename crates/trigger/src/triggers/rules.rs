//! Keeping the rules what the triggers say.

use std::collections::HashSet;

use kulkul_bus::{BusError, NewRule, Owner, RuleUpdate};
use kulkul_model::{BusName, RuleName, rule_arn};

use super::Triggers;
use super::held::Held;
use crate::TriggerError;
use crate::compile::{self, Compiled, Context};
use crate::document::{TRIGGER_PREFIX, trigger_key};
use crate::error::invalid;
use crate::trigger::{RuleOrigin, Trigger};

impl Triggers {
    /// Makes the rules what the triggers say, and drops triggers whose function is gone.
    ///
    /// A trigger that this version cannot compile any more is reported and skipped: it must not keep the others, or
    /// the server, down.
    pub async fn reconcile(&self) -> Result<(), TriggerError> {
        let mut held = self.control.lock().await;
        let stored = self.all(TRIGGER_PREFIX).await?;
        *held = Held::default();
        stored.iter().for_each(|trigger| held.add(trigger));
        let mut owners = HashSet::new();
        for trigger in stored {
            if !self.parts.functions.exists(&trigger.function) {
                let key = trigger_key(&trigger.function, &trigger.name);
                let deleted = self.parts.metadata.delete(&key, None).await;
                deleted.map_err(TriggerError::store("delete the trigger of a function that is gone"))?;
                held.remove(&trigger);
                continue;
            }
            owners.insert((trigger.function.clone(), trigger.name.clone()));
            if let Err(error) = self.write_rule(&trigger).await {
                tracing::error!(function = %trigger.function, trigger = %trigger.name, %error, "a trigger has no rule");
            }
        }
        let bus = BusName::default_bus();
        let rules =
            self.parts.hub.list_rules(&bus, "", 0, usize::MAX).map_err(rule_error("list the rules"))?;
        for rule in rules.rules {
            let Some(owner) = rule.owner.clone() else { continue };
            if !owners.contains(&(owner.function.clone(), owner.trigger.clone())) {
                let deleted = self.parts.hub.delete_rule(&bus, &rule.name, Some(&owner)).await;
                deleted.map_err(rule_error("delete the rule of a trigger that is gone"))?;
            }
        }
        Ok(())
    }

    /// Compiles a trigger and checks that its rule could be written.
    pub(super) fn compiled(&self, trigger: &Trigger) -> Result<Compiled, TriggerError> {
        let patterns = &self.parts.hub.options().pattern;
        let context = Context {
            identity: self.identity(),
            function: &trigger.function,
            qualifier: &trigger.qualifier,
            source_arn: Some(&trigger.source_arn),
            extended_patterns: !patterns.strict,
        };
        let compiled = compile::compile(trigger.kind, &trigger.config, context)?;
        if let Err(error) = kulkul_pattern::Pattern::parse(&compiled.pattern, patterns) {
            return invalid(format!("the event pattern is not valid: {error}"));
        }
        Ok(compiled)
    }

    /// Writes the rule of a trigger, whether there is one or not.
    pub(super) async fn write_rule(&self, trigger: &Trigger) -> Result<(), TriggerError> {
        if trigger.origin != RuleOrigin::Own {
            return Ok(());
        }
        let Compiled { pattern, status, target } = self.compiled(trigger)?;
        let (bus, name) = (BusName::default_bus(), Trigger::own_rule(&trigger.function, &trigger.name));
        let owner = owner_of(trigger);
        let description = trigger.description.clone().unwrap_or_default();
        let written = match self.parts.hub.get_rule(&bus, &name) {
            Ok(_) => {
                let update = RuleUpdate {
                    description: Some(description),
                    pattern: Some(pattern),
                    status: Some(status),
                    targets: Some(vec![target]),
                };
                self.parts.hub.update_rule(&bus, &name, update, Some(&owner)).await
            }
            Err(_) => {
                let targets = vec![target];
                let new = NewRule { bus, name, description, pattern, status, targets, owner: Some(owner) };
                self.parts.hub.create_rule(new).await
            }
        };
        written.map(drop).map_err(|error| match error {
            BusError::Pattern(error) => {
                TriggerError::InvalidArgument(format!("the event pattern is not valid: {error}"))
            }
            error => TriggerError::Rule { action: "write the rule of a trigger", source: error },
        })
    }

    /// Refuses a trigger whose rule would belong to somebody else.
    pub(super) fn check_rule_is_free(&self, rule: &RuleName) -> Result<(), TriggerError> {
        let bus = BusName::default_bus();
        match self.parts.hub.get_rule(&bus, rule) {
            Ok(_) => Err(TriggerError::EventBridgeTriggerConflict {
                source_arn: rule_arn(self.identity(), &bus, rule),
            }),
            Err(_) => Ok(()),
        }
    }

    /// Deletes the rule of a trigger. Not being there is success.
    pub(super) async fn delete_rule(&self, trigger: &Trigger) -> Result<(), TriggerError> {
        if trigger.origin != RuleOrigin::Own {
            return Ok(());
        }
        let name = Trigger::own_rule(&trigger.function, &trigger.name);
        match self.parts.hub.delete_rule(&BusName::default_bus(), &name, Some(&owner_of(trigger))).await {
            Ok(()) | Err(BusError::UnknownRule { .. }) => Ok(()),
            Err(error) => Err(rule_error("delete the rule of a trigger")(error)),
        }
    }
}

fn owner_of(trigger: &Trigger) -> Owner {
    Owner { function: trigger.function.clone(), trigger: trigger.name.clone() }
}

pub(super) fn rule_error(action: &'static str) -> impl FnOnce(BusError) -> TriggerError {
    move |source| TriggerError::Rule { action, source }
}
