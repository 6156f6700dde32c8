//! Rules as others see them.

use kulkul_delivery::TargetConfig;
use kulkul_model::{BusName, FunctionName, RuleName, TargetId, Timestamp, TriggerName};
use kulkul_store::QueueId;

/// Whether a rule takes part in matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleStatus {
    /// It does.
    Enabled,
    /// It matches nothing. Events that arrive meanwhile are lost to it.
    Disabled,
}

/// The trigger that wrote a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its function.
    pub function: FunctionName,
    /// The trigger.
    pub trigger: TriggerName,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The bus that it is on.
    pub bus: BusName,
    /// Its name, unique on the bus.
    pub name: RuleName,
    /// What its owner says of it.
    pub description: String,
    /// The pattern as its owner wrote it.
    pub pattern: String,
    /// Whether it takes part.
    pub status: RuleStatus,
    /// Where it sends, in the order in which they were put.
    pub targets: Vec<TargetConfig>,
    /// The trigger that wrote it, if one did.
    pub owner: Option<Owner>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A rule to create. See [`Rule`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    /// The bus.
    pub bus: BusName,
    /// The name.
    pub name: RuleName,
    /// The description.
    pub description: String,
    /// The pattern.
    pub pattern: String,
    /// Whether it takes part from the start.
    pub status: RuleStatus,
    /// The targets.
    pub targets: Vec<TargetConfig>,
    /// The trigger that writes it.
    pub owner: Option<Owner>,
}

/// What to change of a rule. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleUpdate {
    /// The description.
    pub description: Option<String>,
    /// The pattern.
    pub pattern: Option<String>,
    /// Whether it takes part.
    pub status: Option<RuleStatus>,
    /// All targets; those that are not among them go.
    pub targets: Option<Vec<TargetConfig>>,
}

/// The queue of a rule's target.
pub fn queue_of(bus: &BusName, rule: &RuleName, target: &TargetId) -> QueueId {
    QueueId(format!("rule/{bus}/{rule}/{target}").into())
}

/// The rule and target of a queue `rule/{bus}/{rule}/{target}`, or of the dead letters of one. `None` when it is no
/// queue of a rule.
pub fn rule_and_target(queue: &QueueId) -> Option<(&str, &str)> {
    let name = queue.0.strip_prefix("dead/").unwrap_or(&queue.0);
    let mut parts = name.strip_prefix("rule/")?.splitn(3, '/').skip(1);
    Some((parts.next()?, parts.next()?))
}

/// Whose queue it is; `None` when it is not that of a rule's target.
pub fn target_of(queue: &QueueId) -> Option<(BusName, RuleName, TargetId)> {
    let mut parts = queue.0.strip_prefix("rule/")?.splitn(3, '/');
    let (bus, rule, target) = (parts.next()?, parts.next()?, parts.next()?);
    Some((bus.parse().ok()?, rule.parse().ok()?, target.parse().ok()?))
}

/// Whether a queue is that of a target on a bus, or holds what such a target gave up.
pub(crate) fn is_on_bus(queue: &QueueId, bus: &BusName) -> bool {
    let given_up = ["dead/", "dlq/"].into_iter().find_map(|prefix| queue.0.strip_prefix(prefix));
    let target = given_up.unwrap_or(&queue.0).strip_prefix("rule/");
    target.and_then(|target| target.split_once('/')).is_some_and(|(on, _)| on == bus.as_str())
}

impl NewRule {
    /// The rule that this becomes.
    pub(crate) fn created(self, at: Timestamp) -> Rule {
        let Self { bus, name, description, pattern, status, targets, owner } = self;
        Rule { bus, name, description, pattern, status, targets, owner, created_at: at }
    }
}

impl Rule {
    /// This rule with `update` applied.
    pub(crate) fn updated(&self, update: RuleUpdate) -> Rule {
        let mut rule = self.clone();
        if let Some(description) = update.description {
            rule.description = description;
        }
        if let Some(pattern) = update.pattern {
            rule.pattern = pattern;
        }
        if let Some(status) = update.status {
            rule.status = status;
        }
        if let Some(targets) = update.targets {
            rule.targets = targets;
        }
        rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_of_rules_name_rule_and_target() {
        let table = [
            ("rule/b/r/t.1", Some(("r", "t.1"))),
            ("dead/rule/b/r/t", Some(("r", "t"))),
            ("async/f/LATEST", None),
            ("rule/b", None),
        ];
        for (queue, expected) in table {
            assert_eq!(rule_and_target(&QueueId(queue.into())), expected, "{queue}");
        }
    }

    #[test]
    fn the_queues_of_a_bus_are_those_of_its_targets_and_of_what_these_gave_up() {
        let bus = "b".parse().unwrap();
        for queue in ["rule/b/r/t", "dead/rule/b/r/t", "dlq/rule/b/r/t"] {
            assert!(is_on_bus(&QueueId(queue.into()), &bus), "{queue}");
        }
        for queue in ["rule/b2/r/t", "dead/rule/a/b/t", "dead/async/b/LATEST", "message/b", "b"] {
            assert!(!is_on_bus(&QueueId(queue.into()), &bus), "{queue}");
        }
    }
}
