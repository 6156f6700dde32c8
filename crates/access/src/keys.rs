//! All access keys of a server.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use kulkul_model::Timestamp;
use kulkul_store::{Key, Metadata, StoreError};
use sha2::Sha256;

use crate::record::{self, KEY_PREFIX, SEALING_KEY};
use crate::temporary::{self, TemporaryKey};
use crate::{AccessError, AccessKey, AccessKeyId, KeyRefused, NewKey, Role};

type Map = HashMap<Box<str>, Arc<AccessKey>>;

/// Computes the seals of this server.
pub(crate) struct Sealer(Hmac<Sha256>);

impl Sealer {
    fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("an HMAC takes keys of any length"))
    }

    /// The seal over `parts` for one purpose. Each part goes in with its length, so that no two lists are alike.
    pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The access keys. Lookups read a map in memory; every change goes to the store first.
pub struct AccessKeys {
    store: Arc<dyn Metadata>,
    map: ArcSwap<Map>,
    sealer: Sealer,
}

impl AccessKeys {
    /// Reads all keys from a store. On a new store this makes the sealing key, but no access key.
    pub async fn open(store: Arc<dyn Metadata>) -> Result<Self, AccessError> {
        let sealer = Sealer::new(&sealing_key(&*store).await?);
        let mut map = Map::new();
        for document in store.documents(KEY_PREFIX).await? {
            let key = record::read_key(&document)?;
            map.insert(key.id().as_str().into(), Arc::new(key));
        }
        Ok(Self { store, map: ArcSwap::from_pointee(map), sealer })
    }

    /// Whether there is no key at all: the data directory is new.
    pub fn is_empty(&self) -> bool {
        self.map.load().is_empty()
    }

    /// The key that a request names, with the security token that came along.
    ///
    /// The key returned is not disabled and has not expired. What it may do, [`AccessKey::role`] says.
    pub fn find(
        &self,
        id: &str,
        security_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<AccessKey>, KeyRefused> {
        if temporary::is_temporary(id) {
            let token = security_token.ok_or(KeyRefused::TokenMissing)?;
            let parent = |id: &str| self.permanent(id).map(|key| key.role());
            return temporary::open(&self.sealer, id, token, now, parent).map(Arc::new);
        }
        match security_token {
            Some(_) => Err(KeyRefused::TokenInvalid),
            None => self.permanent(id),
        }
    }

    /// All keys that are stored, by id.
    pub fn list(&self) -> Vec<Arc<AccessKey>> {
        let mut keys: Vec<_> = self.map.load().values().cloned().collect();
        keys.sort_by(|a, b| a.id().cmp(b.id()));
        keys
    }

    /// Stores a new key. Errors: `Exists`, `Store`.
    pub async fn create(&self, new: NewKey, now: Timestamp) -> Result<Arc<AccessKey>, AccessError> {
        let key = AccessKey::new(new, now, false);
        match self.store.create(&record::key_of(key.id().as_str()), record::write_key(&key)).await {
            Ok(_) => Ok(self.put(key)),
            Err(StoreError::Conflict { .. }) => Err(AccessError::Exists { id: key.id().to_string() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Switches a key off or on. Errors: `NotFound`, `LastAdmin`, `Store`.
    pub async fn set_disabled(&self, id: &AccessKeyId, disabled: bool) -> Result<(), AccessError> {
        if disabled {
            self.check_not_last_admin(id)?;
        }
        let at = record::key_of(id.as_str());
        let document = self.store.get(&at).await?.ok_or_else(|| not_found(id))?;
        let key = record::read_key(&document)?.with_disabled(disabled);
        self.store.replace(&at, document.revision, record::write_key(&key)).await?;
        self.put(key);
        Ok(())
    }

    /// Deletes a key, and with it every temporary key made from it. Errors: `NotFound`, `LastAdmin`, `Store`.
    pub async fn delete(&self, id: &AccessKeyId) -> Result<(), AccessError> {
        self.check_not_last_admin(id)?;
        let existed = self.store.delete(&record::key_of(id.as_str()), None).await?;
        self.change(|map| {
            map.remove(id.as_str());
        });
        existed.then_some(()).ok_or_else(|| not_found(id))
    }

    /// Makes a temporary key from `parent` that lives for `lifetime` and has at most the role `role`.
    pub fn issue_temporary(
        &self,
        parent: &AccessKey,
        role: Role,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<TemporaryKey, AccessError> {
        temporary::issue(&self.sealer, parent, role, now.plus(lifetime))
    }

    /// A seal over `parts` that only this server, and others on the same store, can compute; for links that carry
    /// their own permission. `purpose` keeps the seals of different uses apart.
    pub fn seal(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.sealer.mac(purpose, parts)
    }

    fn permanent(&self, id: &str) -> Result<Arc<AccessKey>, KeyRefused> {
        match self.map.load().get(id) {
            None => Err(KeyRefused::Unknown),
            Some(key) if key.is_disabled() => Err(KeyRefused::Disabled),
            Some(key) => Ok(Arc::clone(key)),
        }
    }

    /// Two calls at once may each see the other's key as the one that remains; the key file of the data directory
    /// is then the way back in.
    fn check_not_last_admin(&self, id: &AccessKeyId) -> Result<(), AccessError> {
        let map = self.map.load();
        let in_use = |key: &AccessKey| key.role() == Role::Admin && !key.is_disabled();
        let is_admin = map.get(id.as_str()).is_some_and(|key| in_use(key));
        if is_admin && map.values().filter(|key| in_use(key)).count() == 1 {
            return Err(AccessError::LastAdmin { id: id.to_string() });
        }
        Ok(())
    }

    fn put(&self, key: AccessKey) -> Arc<AccessKey> {
        let key = Arc::new(key);
        self.change(|map| {
            map.insert(key.id().as_str().into(), Arc::clone(&key));
        });
        key
    }

    fn change(&self, apply: impl Fn(&mut Map)) {
        self.map.rcu(|map| {
            let mut changed = Map::clone(map);
            apply(&mut changed);
            changed
        });
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").field("count", &self.map.load().len()).finish_non_exhaustive()
    }
}

fn not_found(id: &AccessKeyId) -> AccessError {
    AccessError::NotFound { id: id.to_string() }
}

/// The sealing key of a store; made when there is none. Of two servers that start at once, one makes it.
async fn sealing_key(store: &dyn Metadata) -> Result<[u8; 32], AccessError> {
    let at = Key::from(SEALING_KEY);
    if let Some(document) = store.get(&at).await? {
        return record::read_sealing_key(&document);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(AccessError::Randomness)?;
    match store.create(&at, record::write_sealing_key(&key)).await {
        Ok(_) => Ok(key),
        Err(StoreError::Conflict { .. }) => {
            let made = store.get(&at).await?.ok_or(StoreError::NotFound { key: at.to_string() })?;
            record::read_sealing_key(&made)
        }
        Err(error) => Err(error.into()),
    }
}
