//! All triggers of this server.

use std::sync::{Arc, Weak};

use kulkul_bus::Hub;
use kulkul_delivery::Clock;
use kulkul_function::Functions;
use kulkul_model::{FunctionName, Identity, TriggerName};
use kulkul_store::{Metadata, Revision};

use crate::TriggerError;
use crate::document::{self, trigger_key};
use crate::trigger::Trigger;
use crate::triggers::held::Held;

mod create;
mod delete;
mod held;
mod list;
mod rules;
mod update;

/// The limits on triggers.
#[derive(Clone, Copy, Debug)]
pub struct TriggerOptions {
    /// Triggers of one function. Source: Function Compute 3.0, limits page.
    pub trigger_count_max: usize,
}

impl Default for TriggerOptions {
    fn default() -> Self {
        Self { trigger_count_max: 50 }
    }
}

/// What triggers work with.
#[derive(Clone)]
pub struct TriggersParts {
    /// Where they are stored.
    pub metadata: Arc<dyn Metadata>,
    /// Where their rules are.
    pub hub: Arc<Hub>,
    /// Whose triggers they are.
    pub functions: Arc<Functions>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The limits.
    pub options: TriggerOptions,
}

/// All triggers of this server. Shared as an `Arc`.
pub struct Triggers {
    this: Weak<Self>,
    parts: TriggersParts,
    /// Locked by whoever changes a trigger, from reading the old state to writing its rule.
    control: tokio::sync::Mutex<Held>,
}

impl Triggers {
    /// Makes the rules what the triggers say: see [`Triggers::reconcile`].
    pub async fn open(parts: TriggersParts) -> Result<Arc<Self>, TriggerError> {
        let control = tokio::sync::Mutex::default();
        let triggers = Arc::new_cyclic(|this| Self { this: this.clone(), parts, control });
        triggers.reconcile().await?;
        Ok(triggers)
    }

    /// A trigger.
    pub async fn get(&self, function: &FunctionName, name: &TriggerName) -> Result<Trigger, TriggerError> {
        self.check_function(function)?;
        Ok(self.stored(function, name).await?.0)
    }

    /// The handle that is shared.
    fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("whoever calls a method holds it")
    }

    fn identity(&self) -> &Identity {
        self.parts.hub.identity()
    }

    fn check_function(&self, function: &FunctionName) -> Result<(), TriggerError> {
        Ok(self.parts.functions.get(function, &kulkul_model::Qualifier::latest()).map(drop)?)
    }

    async fn stored(
        &self,
        function: &FunctionName,
        name: &TriggerName,
    ) -> Result<(Trigger, Revision), TriggerError> {
        let key = trigger_key(function, name);
        let found = self.parts.metadata.get(&key).await.map_err(TriggerError::store("read a trigger"))?;
        match found {
            Some(found) => Ok((document::read(&found.key, &found.value)?, found.revision)),
            None => Err(TriggerError::TriggerNotFound { function: function.clone(), trigger: name.clone() }),
        }
    }

    /// All stored triggers whose keys start with `prefix`.
    async fn all(&self, prefix: &str) -> Result<Vec<Trigger>, TriggerError> {
        let all = self.parts.metadata.documents(prefix).await;
        let all = all.map_err(TriggerError::store("read the triggers"))?;
        all.iter().map(|stored| document::read(&stored.key, &stored.value)).collect()
    }
}
