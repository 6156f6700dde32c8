//! Making a function ready to run: its code on disk, its credentials, its specification.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use kulkul_instance::{InstanceSpec, RevisionId};
use kulkul_model::{Qualifier, Timestamp};
use kulkul_store::Digest;
use serde_json::Value;

use super::Functions;
use crate::registry::{Entry, Ready};
use crate::{Function, FunctionError, TemporaryCredentials, spec};

/// How long a specification is used before its credentials are renewed.
const RENEW_AFTER: Duration = Duration::from_secs(6 * 3600);
/// What credentials outlast the last invocation that may use them.
const CREDENTIAL_SLACK: Duration = Duration::from_secs(300);

impl Functions {
    /// What the instances of a function are made from. Costs a few lookups once it was called for a function.
    ///
    /// `qualifier` is what chose `entry`. A function that was changed since is looked up again.
    pub(crate) async fn ready(
        &self,
        entry: Arc<Entry>,
        qualifier: &Qualifier,
    ) -> Result<(Arc<Function>, Arc<InstanceSpec>), FunctionError> {
        match self.spec_of(&entry).await {
            Ok(spec) => Ok((entry.function.clone(), spec)),
            // Its code may be gone because it was changed since it was looked up.
            Err(error) => {
                let now = self.entry(&entry.function.name, qualifier)?;
                if Arc::ptr_eq(&now, &entry) {
                    return Err(error);
                }
                Ok((now.function.clone(), self.spec_of(&now).await?))
            }
        }
    }

    async fn spec_of(&self, entry: &Entry) -> Result<Arc<InstanceSpec>, FunctionError> {
        if let Some(spec) = self.current(entry) {
            return Ok(spec);
        }
        let _making = entry.making.lock().await;
        if let Some(spec) = self.current(entry) {
            return Ok(spec);
        }
        let function = &entry.function;
        let code_dir = self.cache.obtain(&function.code.digest, &self.parts.blobs).await;
        let code_dir = code_dir.map_err(FunctionError::CodeCache)?;
        let number = self.spec_number.fetch_add(1, Ordering::Relaxed);
        let revision = RevisionId::new(&format!("{}/{}/{number}", function.id, entry.revision.0));
        let credentials = self.credentials_of(function);
        let renew_at = match credentials {
            Some(_) => self.parts.clock.now().plus(RENEW_AFTER),
            None => Timestamp::MAX,
        };
        let spec = Arc::new(spec::of(function, revision, &self.parts.identity, code_dir, credentials));
        let mut specs = self.specs.lock().unwrap_or_else(PoisonError::into_inner);
        specs.retain(|(_, spec)| spec.strong_count() > 0);
        specs.push((function.code.digest, Arc::downgrade(&spec)));
        drop(specs);
        let before = entry.ready.swap(Some(Arc::new(Ready { spec: spec.clone(), renew_at })));
        if let Some(before) = before {
            self.parts.instances.retire(&before.spec.revision);
        }
        Ok(spec)
    }

    /// What was made already, if it can still be used. The code directory may be deleted at any time.
    fn current(&self, entry: &Entry) -> Option<Arc<InstanceSpec>> {
        let ready = entry.ready.load();
        let ready = ready.as_ref().filter(|ready| self.parts.clock.now() < ready.renew_at)?;
        ready.spec.code_dir.exists().then(|| ready.spec.clone())
    }

    fn credentials_of(&self, function: &Function) -> Option<TemporaryCredentials> {
        let role =
            function.settings.echoed.get("role").and_then(Value::as_str).filter(|role| !role.is_empty())?;
        let lifetime = RENEW_AFTER + function.settings.timeout + CREDENTIAL_SLACK;
        self.parts.credentials.as_ref()?.issue(&function.name, role, lifetime)
    }

    /// Stops the instances of a state of a function that is no longer shown.
    pub(super) fn retire(&self, entry: &Entry) {
        if let Some(ready) = entry.ready.swap(None) {
            self.parts.instances.retire(&ready.spec.revision);
        }
    }

    /// The code that instances may be running.
    pub(super) fn code_in_instances(&self) -> HashSet<Digest> {
        let specs = self.specs.lock().unwrap_or_else(PoisonError::into_inner);
        specs.iter().filter(|(_, spec)| spec.strong_count() > 0).map(|(digest, _)| *digest).collect()
    }
}
