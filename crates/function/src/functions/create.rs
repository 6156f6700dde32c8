//! Creating a function.

use std::sync::Arc;

use kulkul_model::Qualifier;
use kulkul_store::StoreError;
use uuid::Uuid;

use super::Functions;
use crate::change::to_its_end;
use crate::document;
use crate::function::check_tags;
use crate::registry::Entry;
use crate::{Function, FunctionError, NewFunction, Settings};

impl Functions {
    /// Creates a function, or nothing. It is durable and can be invoked when this returns.
    ///
    /// The code is checked and unpacked before anything is stored. Runs to its end although the caller goes away.
    pub async fn create(&self, new: NewFunction) -> Result<Arc<Function>, FunctionError> {
        let this = self.shared();
        to_its_end(async move { this.create_now(new).await }).await
    }

    async fn create_now(&self, new: NewFunction) -> Result<Arc<Function>, FunctionError> {
        if self.exists(&new.name) {
            return Err(FunctionError::FunctionAlreadyExists(new.name));
        }
        let settings = Settings::new(new.settings)?;
        check_tags(&new.tags)?;
        let code = self.take_code(new.code).await?;
        let _control = self.control.lock().await;
        self.store_code(&code).await?;
        let now = self.parts.clock.now();
        let function = Arc::new(Function {
            name: new.name,
            id: Uuid::new_v4().to_string(),
            settings,
            tags: new.tags,
            code: code.info,
            created_at: now,
            modified_at: now,
        });
        let key = document::function_key(&function.name);
        match self.parts.metadata.create(&key, document::write(&function)).await {
            Ok(revision) => {
                self.registry.put(Entry::new(function.clone(), revision));
                self.register_queue(&function.name, &Qualifier::latest());
                tracing::info!(function = %function.name, runtime = %function.settings.runtime, "function created");
                Ok(function)
            }
            Err(error) => {
                self.forget_code(code.info.digest).await;
                Err(match error {
                    StoreError::Conflict { .. } => {
                        FunctionError::FunctionAlreadyExists(function.name.clone())
                    }
                    source => FunctionError::Store { action: "store a function", source },
                })
            }
        }
    }
}
