//! Creating, reading, changing and deleting rules.

use std::sync::Arc;

use kulkul_model::{BusName, RuleName};

use crate::document::{rule_key, write_rule};
use crate::error::BusError;
use crate::hub::{ActiveRule, Bus, Hub};
use crate::rule::{NewRule, Owner, Rule, RuleStatus, RuleUpdate, queue_of};

/// A page of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePage {
    /// The rules, by name.
    pub rules: Vec<Arc<Rule>>,
    /// How many there are over all pages.
    pub total: usize,
}

impl Hub {
    /// Creates a rule with its targets, or nothing.
    pub async fn create_rule(&self, new: NewRule) -> Result<Arc<Rule>, BusError> {
        let _control = self.control.lock().await;
        let bus = self.existing_bus(&new.bus)?;
        if bus.rules().contains_key(&new.name) {
            return Err(BusError::RuleExists { bus: new.bus, rule: new.name });
        }
        let rule = Arc::new(new.created(self.parts.clock.now()));
        let compiled = self.compile(&rule)?;
        self.check_new_targets(&rule, &compiled.plans, &[])?;
        self.admit(&bus, &compiled.pattern)?;
        let revision =
            self.parts.metadata.create(&rule_key(&rule.bus, &rule.name), write_rule(&rule)).await?;
        self.show_rule(&bus, rule.clone(), revision, compiled);
        Ok(rule)
    }

    /// A rule.
    pub fn get_rule(&self, bus: &BusName, name: &RuleName) -> Result<Arc<Rule>, BusError> {
        Ok(self.existing_bus(bus)?.existing_rule(name)?.rule)
    }

    /// The rules of a bus whose names start with `prefix`, skipping `offset`, at most `max`.
    pub fn list_rules(
        &self,
        bus: &BusName,
        prefix: &str,
        offset: usize,
        max: usize,
    ) -> Result<RulePage, BusError> {
        let bus = self.existing_bus(bus)?;
        let rules = bus.rules();
        let found =
            rules.values().map(|active| &active.rule).filter(|rule| rule.name.as_str().starts_with(prefix));
        let total = found.clone().count();
        Ok(RulePage { rules: found.skip(offset).take(max).cloned().collect(), total })
    }

    /// Changes a rule. `by` is the trigger that asks, if one does: a rule of a trigger is changed by it alone.
    pub async fn update_rule(
        &self,
        bus: &BusName,
        name: &RuleName,
        update: RuleUpdate,
        by: Option<&Owner>,
    ) -> Result<Arc<Rule>, BusError> {
        let _control = self.control.lock().await;
        self.update_locked(bus, name, update, by).await
    }

    /// Lets a rule take part in matching or not. Harmless when it is so already.
    pub async fn set_status(
        &self,
        bus: &BusName,
        name: &RuleName,
        status: RuleStatus,
    ) -> Result<(), BusError> {
        let update = RuleUpdate { status: Some(status), ..RuleUpdate::default() };
        self.update_rule(bus, name, update, None).await.map(drop)
    }

    /// Deletes a rule, its targets and what they are owed.
    pub async fn delete_rule(
        &self,
        bus: &BusName,
        name: &RuleName,
        by: Option<&Owner>,
    ) -> Result<(), BusError> {
        let _control = self.control.lock().await;
        let bus = self.existing_bus(bus)?;
        let ActiveRule { rule, matched, .. } = owned(&bus, name, by)?;
        self.parts.metadata.delete(&rule_key(&rule.bus, name), None).await?;
        bus.rules_mut().remove(name);
        if let Some(matched) = matched {
            bus.index.remove(&matched);
        }
        let queues = rule.targets.iter().map(|target| queue_of(&rule.bus, name, &target.id)).collect();
        self.retire(queues).await?;
        Ok(())
    }

    /// [`Hub::update_rule`] for callers that hold the control lock.
    pub(crate) async fn update_locked(
        &self,
        bus: &BusName,
        name: &RuleName,
        update: RuleUpdate,
        by: Option<&Owner>,
    ) -> Result<Arc<Rule>, BusError> {
        let bus = self.existing_bus(bus)?;
        let ActiveRule { rule: before, revision, .. } = owned(&bus, name, by)?;
        let rule = Arc::new(before.updated(update));
        if rule == before {
            return Ok(rule);
        }
        let compiled = self.compile(&rule)?;
        self.check_new_targets(&rule, &compiled.plans, &before.targets)?;
        self.admit(&bus, &compiled.pattern)?;
        let key = rule_key(&rule.bus, name);
        let revision = self.parts.metadata.replace(&key, revision, write_rule(&rule)).await?;
        let gone = self.show_rule(&bus, rule.clone(), revision, compiled);
        self.retire(gone).await?;
        Ok(rule)
    }
}

/// The rule, when `by` may change it.
fn owned(bus: &Bus, name: &RuleName, by: Option<&Owner>) -> Result<ActiveRule, BusError> {
    let active = bus.existing_rule(name)?;
    match &active.rule.owner {
        Some(owner) if by != Some(owner) => Err(BusError::OwnedRule {
            rule: name.clone(),
            function: owner.function.as_str().to_owned(),
            trigger: owner.trigger.as_str().to_owned(),
        }),
        _ => Ok(active),
    }
}
