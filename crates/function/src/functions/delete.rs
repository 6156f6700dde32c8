//! Deleting a function.

use kulkul_model::{FunctionName, Qualifier};
use kulkul_store::StoreError;

use super::Functions;
use crate::FunctionError;
use crate::change::to_its_end;
use crate::document::{self, trigger_prefix};

impl Functions {
    /// Deletes a function that has no triggers, and with it everything that belongs to it.
    ///
    /// Runs to its end although the caller goes away.
    pub async fn delete(&self, name: &FunctionName) -> Result<(), FunctionError> {
        let (this, name) = (self.shared(), name.clone());
        to_its_end(async move { this.delete_now(&name).await }).await
    }

    async fn delete_now(&self, name: &FunctionName) -> Result<(), FunctionError> {
        let _control = self.control.lock().await;
        let entry = self.entry(name, &Qualifier::latest())?;
        let triggers = self.parts.metadata.list(&trigger_prefix(name), None, 1).await;
        if !triggers.map_err(FunctionError::store("look for triggers"))?.is_empty() {
            return Err(FunctionError::FunctionNotEmpty(name.clone()));
        }
        let key = document::function_key(name);
        match self.parts.metadata.delete(&key, Some(entry.revision)).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => {
                return Err(FunctionError::ConcurrentUpdate(name.to_string()));
            }
            Err(source) => return Err(FunctionError::Store { action: "delete a function", source }),
        }
        // From here on it is gone; what a crash leaves of the rest is found again at the next start.
        self.registry.remove(name);
        self.unregister_queues(name).await;
        self.forget_async_configs(name).await;
        self.retire(&entry);
        self.parts.logs.forget(name);
        self.forget_code(entry.function.code.digest).await;
        tracing::info!(function = %name, "function deleted");
        Ok(())
    }
}
