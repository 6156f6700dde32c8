//! What is known of the stored triggers without asking the store.

use std::collections::{HashMap, HashSet};

use kulkul_model::{BusName, FunctionName, RuleName};

use crate::trigger::{RuleOrigin, Trigger};

/// What a new trigger depends on of the others, so that creating one costs the same however many there are.
#[derive(Default)]
pub(super) struct Held {
    counts: HashMap<FunctionName, usize>,
    linked: HashSet<(BusName, RuleName)>,
}

impl Held {
    /// A trigger is stored.
    pub(super) fn add(&mut self, trigger: &Trigger) {
        *self.counts.entry(trigger.function.clone()).or_default() += 1;
        if let RuleOrigin::Linked { bus, rule } = &trigger.origin {
            self.linked.insert((bus.clone(), rule.clone()));
        }
    }

    /// A trigger is not stored any more.
    pub(super) fn remove(&mut self, trigger: &Trigger) {
        if let Some(count) = self.counts.get_mut(&trigger.function) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&trigger.function);
            }
        }
        if let RuleOrigin::Linked { bus, rule } = &trigger.origin {
            self.linked.remove(&(bus.clone(), rule.clone()));
        }
    }

    /// How many triggers a function has.
    pub(super) fn count(&self, function: &FunctionName) -> usize {
        self.counts.get(function).copied().unwrap_or_default()
    }

    /// Whether a trigger is linked to a rule.
    pub(super) fn is_linked(&self, bus: &BusName, rule: &RuleName) -> bool {
        self.linked.contains(&(bus.clone(), rule.clone()))
    }
}
