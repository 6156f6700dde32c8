//! Changing a trigger.

use kulkul_function::to_its_end;
use kulkul_model::{FunctionName, TriggerName};
use kulkul_store::StoreError;
use serde_json::Value;

use super::Triggers;
use crate::TriggerError;
use crate::compile;
use crate::document::{self, trigger_key};
use crate::trigger::{RuleOrigin, Trigger, TriggerKind, TriggerUpdate, check_description};

impl Triggers {
    /// Changes what an update gives, or nothing. Name, type and source stay.
    ///
    /// Runs to its end although the caller goes away.
    pub async fn update(
        &self,
        function: &FunctionName,
        name: &TriggerName,
        update: TriggerUpdate,
    ) -> Result<Trigger, TriggerError> {
        let (this, function, name) = (self.shared(), function.clone(), name.clone());
        to_its_end(async move { this.update_now(&function, &name, update).await }).await
    }

    async fn update_now(
        &self,
        function: &FunctionName,
        name: &TriggerName,
        update: TriggerUpdate,
    ) -> Result<Trigger, TriggerError> {
        let _control = self.control.lock().await;
        self.check_function(function)?;
        let (before, revision) = self.stored(function, name).await?;
        let mut after = Trigger { modified_at: self.parts.clock.now(), ..before.clone() };
        if let Some(config) = update.config {
            after.config = changed_config(after.kind, &after.config, config)?;
        }
        if let Some(qualifier) = update.qualifier {
            self.parts.functions.get(function, &qualifier)?;
            after.qualifier = qualifier;
        }
        after.invocation_role = update.invocation_role.or(after.invocation_role);
        check_description(update.description.as_ref())?;
        after.description = update.description.or(after.description);
        if after.origin == RuleOrigin::Own {
            self.compiled(&after)?;
        }
        let key = trigger_key(function, name);
        let written = match self.parts.metadata.replace(&key, revision, document::write(&after)).await {
            Ok(written) => written,
            Err(StoreError::Conflict { .. }) => return Err(TriggerError::ConcurrentUpdate(key.to_string())),
            Err(source) => return Err(TriggerError::Store { action: "store a trigger", source }),
        };
        if let Err(error) = self.write_rule(&after).await {
            // What was refused must not come true at the next start.
            match self.parts.metadata.replace(&key, written, document::write(&before)).await {
                // What fails here is put right at the next start.
                Ok(_) => drop(self.write_rule(&before).await),
                Err(kept) => {
                    tracing::warn!(function = %function, trigger = %name, error = %kept, "a refused update stays stored");
                }
            }
            return Err(error);
        }
        tracing::info!(function = %function, trigger = %name, "trigger changed");
        Ok(after)
    }
}

/// Merged for `eventbridge`, whole for the others.
fn changed_config(kind: TriggerKind, before: &str, given: String) -> Result<String, TriggerError> {
    match kind {
        TriggerKind::Objects => Ok(given),
        TriggerKind::EventBridge => {
            let merged = compile::merged(compile::parse(before)?, compile::parse(&given)?);
            Ok(Value::Object(merged).to_string())
        }
    }
}
