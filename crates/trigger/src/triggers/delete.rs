//! Deleting a trigger.

use kulkul_function::to_its_end;
use kulkul_model::{FunctionName, TriggerName};

use super::Triggers;
use crate::TriggerError;
use crate::document::trigger_key;

impl Triggers {
    /// Deletes a trigger and its rule, with the deliveries that the rule still owed. A linked rule stays.
    ///
    /// The rule goes first: when the process dies in between, the trigger is still there, and with it, after the next
    /// start, its rule. Nobody was told otherwise. Runs to its end although the caller goes away.
    pub async fn delete(&self, function: &FunctionName, name: &TriggerName) -> Result<(), TriggerError> {
        let (this, function, name) = (self.shared(), function.clone(), name.clone());
        to_its_end(async move { this.delete_now(&function, &name).await }).await
    }

    async fn delete_now(&self, function: &FunctionName, name: &TriggerName) -> Result<(), TriggerError> {
        let mut held = self.control.lock().await;
        self.check_function(function)?;
        let (trigger, _) = self.stored(function, name).await?;
        self.delete_rule(&trigger).await?;
        let deleted = self.parts.metadata.delete(&trigger_key(function, name), None).await;
        deleted.map_err(TriggerError::store("delete a trigger"))?;
        held.remove(&trigger);
        tracing::info!(function = %function, trigger = %name, "trigger deleted");
        Ok(())
    }
}
