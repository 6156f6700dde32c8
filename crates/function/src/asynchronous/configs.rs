//! Putting, getting, listing and deleting the settings of asynchronous invocations.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use kulkul_model::{FunctionName, Qualifier};
use kulkul_store::{Revision, StoreError};

use super::config::{AsyncConfig, AsyncConfigPatch};
use super::document::{self, CONFIG_PREFIX, config_key};
use crate::change::to_its_end;
use crate::{FunctionError, Functions, Page, PageRequest};

/// The settings in memory, by `{function}/{qualifier}`.
#[derive(Debug, Default)]
pub(crate) struct AsyncConfigs(RwLock<BTreeMap<String, (Arc<AsyncConfig>, Revision)>>);

impl AsyncConfigs {
    pub(super) fn get(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
    ) -> Option<(Arc<AsyncConfig>, Revision)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&path(function, qualifier)).cloned()
    }

    fn put(&self, config: Arc<AsyncConfig>, revision: Revision) {
        let path = path(&config.function, &config.qualifier);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(path, (config, revision));
    }

    fn remove(&self, function: &FunctionName, qualifier: &Qualifier) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&path(function, qualifier));
    }

    fn all(&self) -> Vec<(String, Arc<AsyncConfig>)> {
        let configs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        configs.iter().map(|(path, (config, _))| (path.clone(), config.clone())).collect()
    }
}

fn path(function: &FunctionName, qualifier: &Qualifier) -> String {
    format!("{function}/{qualifier}")
}

impl Functions {
    /// Sets what a patch gives; what it does not give stays. Acts on attempts that begin later.
    ///
    /// Runs to its end although the caller goes away.
    pub async fn put_async_config(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
        patch: AsyncConfigPatch,
    ) -> Result<Arc<AsyncConfig>, FunctionError> {
        let (this, function, qualifier) = (self.shared(), function.clone(), qualifier.clone());
        to_its_end(async move { this.put_config_now(&function, &qualifier, patch).await }).await
    }

    async fn put_config_now(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
        patch: AsyncConfigPatch,
    ) -> Result<Arc<AsyncConfig>, FunctionError> {
        let _control = self.control.lock().await;
        let entry = self.entry(function, qualifier)?;
        let before = self.async_configs.get(function, qualifier);
        let config = AsyncConfig::patched(
            before.as_ref().map(|(config, _)| config.as_ref()),
            function,
            qualifier,
            &entry.function.id,
            patch,
            self.parts.clock.now(),
        )?;
        let (key, value) = (config_key(function, qualifier), document::write(&config));
        let stored = match before {
            Some((_, revision)) => self.parts.metadata.replace(&key, revision, value).await,
            None => self.parts.metadata.create(&key, value).await,
        };
        let revision = stored.map_err(|error| match error {
            StoreError::Conflict { .. } => FunctionError::ConcurrentUpdate(key.to_string()),
            source => FunctionError::Store { action: "store the async config", source },
        })?;
        let config = Arc::new(config);
        self.async_configs.put(config.clone(), revision);
        self.register_queue(function, qualifier);
        Ok(config)
    }

    /// The settings of a function and qualifier.
    pub fn async_config(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
    ) -> Result<Arc<AsyncConfig>, FunctionError> {
        self.entry(function, qualifier)?;
        self.async_configs
            .get(function, qualifier)
            .map(|(config, _)| config)
            .ok_or_else(|| not_there(function, qualifier))
    }

    /// Goes back to the defaults.
    ///
    /// Runs to its end although the caller goes away.
    pub async fn delete_async_config(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
    ) -> Result<(), FunctionError> {
        let (this, function, qualifier) = (self.shared(), function.clone(), qualifier.clone());
        to_its_end(async move { this.delete_config_now(&function, &qualifier).await }).await
    }

    async fn delete_config_now(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
    ) -> Result<(), FunctionError> {
        let _control = self.control.lock().await;
        self.entry(function, qualifier)?;
        if self.async_configs.get(function, qualifier).is_none() {
            return Err(not_there(function, qualifier));
        }
        self.remove_config(function, qualifier).await?;
        self.register_queue(function, qualifier);
        Ok(())
    }

    /// All settings, or those of one function, by function and qualifier.
    pub fn list_async_configs(
        &self,
        function: Option<&FunctionName>,
        page: &PageRequest,
    ) -> Result<Page<Arc<AsyncConfig>>, FunctionError> {
        let after = page.after()?;
        let wanted = self.async_configs.all().into_iter().filter(|(path, config)| {
            function.is_none_or(|function| config.function == *function)
                && after.as_ref().is_none_or(|after| path > after)
        });
        let Page { items, next_token } = page.cut(wanted, |(path, _)| path)?;
        Ok(Page { items: items.into_iter().map(|(_, config)| config).collect(), next_token })
    }

    /// Reads the settings at start. Those of functions that are gone are deleted.
    pub(crate) async fn restore_async_configs(&self) -> Result<(), FunctionError> {
        for stored in self.documents(CONFIG_PREFIX).await? {
            let config = document::read(&stored.key, &stored.value)?;
            let owner = self.registry.get(&config.function);
            if owner.is_some_and(|entry| entry.function.id == config.function_id) {
                self.async_configs.put(Arc::new(config), stored.revision);
            } else {
                let deleted = self.parts.metadata.delete(&stored.key, None).await;
                deleted
                    .map_err(FunctionError::store("delete the async config of a function that is gone"))?;
            }
        }
        Ok(())
    }

    /// Deletes all settings of a function that is gone. What fails here is found again at the next start.
    pub(crate) async fn forget_async_configs(&self, function: &FunctionName) {
        let all = self.async_configs.all();
        for (path, config) in all.into_iter().filter(|(_, config)| config.function == *function) {
            if let Err(error) = self.remove_config(function, &config.qualifier).await {
                self.async_configs.remove(function, &config.qualifier);
                tracing::warn!(%error, config = path, "cannot delete the async config of a function that is gone");
            }
        }
    }

    async fn remove_config(
        &self,
        function: &FunctionName,
        qualifier: &Qualifier,
    ) -> Result<(), FunctionError> {
        let deleted = self.parts.metadata.delete(&config_key(function, qualifier), None).await;
        deleted.map_err(FunctionError::store("delete the async config"))?;
        self.async_configs.remove(function, qualifier);
        Ok(())
    }
}

fn not_there(function: &FunctionName, qualifier: &Qualifier) -> FunctionError {
    FunctionError::AsyncConfigNotExists { function: function.clone(), qualifier: qualifier.clone() }
}
