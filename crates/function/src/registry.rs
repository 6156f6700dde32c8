//! All functions in memory, as the store has them.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use kulkul_instance::InstanceSpec;
use kulkul_model::{FunctionName, Timestamp};
use kulkul_store::{Digest, Revision};

use crate::Function;

/// One function in memory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) function: Arc<Function>,
    /// The revision of its document.
    pub(crate) revision: Revision,
    /// What instances are made from, once somebody has needed it.
    pub(crate) ready: ArcSwapOption<Ready>,
    /// Held by whoever makes that.
    pub(crate) making: tokio::sync::Mutex<()>,
}

/// What instances of a function are made from.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) spec: Arc<InstanceSpec>,
    /// When its credentials have to be renewed.
    pub(crate) renew_at: Timestamp,
}

impl Entry {
    pub(crate) fn new(function: Arc<Function>, revision: Revision) -> Self {
        Self { function, revision, ready: ArcSwapOption::empty(), making: tokio::sync::Mutex::new(()) }
    }
}

/// Functions by name.
#[derive(Debug, Default)]
pub(crate) struct Registry(RwLock<BTreeMap<String, Arc<Entry>>>);

impl Registry {
    pub(crate) fn get(&self, name: &FunctionName) -> Option<Arc<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name.as_str()).cloned()
    }

    /// Puts a function in, and returns what was there in its place.
    pub(crate) fn put(&self, entry: Entry) -> Option<Arc<Entry>> {
        let name = entry.function.name.as_str().to_owned();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(entry))
    }

    pub(crate) fn remove(&self, name: &FunctionName) -> Option<Arc<Entry>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name.as_str())
    }

    /// The names of all functions.
    pub(crate) fn names(&self) -> Vec<FunctionName> {
        let functions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        functions.values().map(|entry| entry.function.name.clone()).collect()
    }

    /// The functions whose names start with `prefix` and come after `after`, by name, that `wanted` wants, at most
    /// `max`.
    pub(crate) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
        wanted: impl Fn(&Function) -> bool,
    ) -> Vec<Arc<Function>> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let functions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let in_range = functions.range::<str, _>((start, Bound::Unbounded));
        let named =
            in_range.take_while(|(name, _)| name.starts_with(prefix)).map(|(_, entry)| &entry.function);
        named.filter(|function| wanted(function)).take(max).cloned().collect()
    }

    /// The code that some function refers to.
    pub(crate) fn code_in_use(&self) -> HashSet<Digest> {
        let functions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        functions.values().map(|entry| entry.function.code.digest).collect()
    }
}
