//! Changing a function.

use std::sync::Arc;

use kulkul_model::{FunctionName, Qualifier};
use kulkul_store::StoreError;

use super::Functions;
use crate::change::to_its_end;
use crate::document;
use crate::registry::Entry;
use crate::{Function, FunctionError, FunctionUpdate};

impl Functions {
    /// Changes what `update` gives. Requests that arrive later see the new state; those under way end in the old one.
    ///
    /// Runs to its end although the caller goes away.
    pub async fn update(
        &self,
        name: &FunctionName,
        update: FunctionUpdate,
    ) -> Result<Arc<Function>, FunctionError> {
        let (this, name) = (self.shared(), name.clone());
        to_its_end(async move { this.update_now(&name, update).await }).await
    }

    async fn update_now(
        &self,
        name: &FunctionName,
        update: FunctionUpdate,
    ) -> Result<Arc<Function>, FunctionError> {
        let latest = Qualifier::latest();
        // Before any code is unpacked, so that a wrong setting costs nothing; once more below, where it counts.
        self.entry(name, &latest)?.function.settings.patched(update.settings.clone())?;
        let code = match update.code {
            Some(source) => Some(self.take_code(source).await?),
            None => None,
        };
        let _control = self.control.lock().await;
        let entry = self.entry(name, &latest)?;
        let before = &entry.function;
        if let Some(code) = &code {
            self.store_code(code).await?;
        }
        let after = Arc::new(Function {
            settings: before.settings.patched(update.settings)?,
            code: code.as_ref().map_or(before.code, |code| code.info),
            modified_at: self.parts.clock.now(),
            ..Function::clone(before)
        });
        let key = document::function_key(name);
        match self.parts.metadata.replace(&key, entry.revision, document::write(&after)).await {
            Ok(revision) => {
                self.registry.put(Entry::new(after.clone(), revision));
                self.retire(&entry);
                self.forget_code(before.code.digest).await;
                tracing::info!(function = %name, "function changed");
                Ok(after)
            }
            Err(error) => {
                self.forget_code(after.code.digest).await;
                Err(match error {
                    StoreError::Conflict { .. } => FunctionError::ConcurrentUpdate(name.to_string()),
                    source => FunctionError::Store { action: "store a function", source },
                })
            }
        }
    }
}
