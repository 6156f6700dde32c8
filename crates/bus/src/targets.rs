//! Putting and deleting targets of a rule.

use std::sync::Arc;

use kulkul_delivery::TargetConfig;
use kulkul_model::{BusName, RuleName, TargetId};

use crate::error::BusError;
use crate::hub::Hub;
use crate::rule::{Rule, RuleUpdate};

impl Hub {
    /// Puts targets on a rule; one with the id of an existing one replaces it. All or none.
    pub async fn put_targets(
        &self,
        bus: &BusName,
        name: &RuleName,
        targets: Vec<TargetConfig>,
    ) -> Result<Arc<Rule>, BusError> {
        let _control = self.control.lock().await;
        let mut ids: Vec<&TargetId> = targets.iter().map(|target| &target.id).collect();
        ids.sort();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BusError::DuplicateTarget { id: pair[0].clone() });
        }
        let mut all = self.get_rule(bus, name)?.targets.clone();
        for target in targets {
            match all.iter_mut().find(|known| known.id == target.id) {
                Some(known) => *known = target,
                None => all.push(target),
            }
        }
        let update = RuleUpdate { targets: Some(all), ..RuleUpdate::default() };
        self.update_locked(bus, name, update, None).await
    }

    /// Takes targets off a rule, with what they are owed. Returns the ids that it did not have.
    pub async fn delete_targets(
        &self,
        bus: &BusName,
        name: &RuleName,
        ids: &[TargetId],
    ) -> Result<Vec<TargetId>, BusError> {
        let _control = self.control.lock().await;
        let mut all = self.get_rule(bus, name)?.targets.clone();
        let unknown = ids.iter().filter(|id| all.iter().all(|target| target.id != **id)).cloned().collect();
        all.retain(|target| !ids.contains(&target.id));
        let update = RuleUpdate { targets: Some(all), ..RuleUpdate::default() };
        self.update_locked(bus, name, update, None).await?;
        Ok(unknown)
    }
}
