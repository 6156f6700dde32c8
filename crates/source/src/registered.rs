//! Event sources that are registered on buses.

use std::sync::Arc;

use kulkul_model::{BusName, Timestamp};
use kulkul_store::StoreError;

use crate::document::{source_key, write_source};
use crate::{SourceError, SourceKind, SourceName, Sources};

/// Source: EventBridge 2020-04-01, names and limits.
const DESCRIPTION_CHARS_MAX: usize = 255;
const COUNT_MAX: usize = 10_000; // Ours: each change makes the catalog anew.

/// An event source on a bus. Events may come from it or from anywhere else: nothing is refused for its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredSource {
    /// The bus.
    pub bus: BusName,
    /// The name.
    pub name: SourceName,
    /// What its owner says of it.
    pub description: Option<String>,
    /// What makes its events.
    pub kind: SourceKind,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A source that is to be registered.
#[derive(Clone, Debug)]
pub struct NewSource {
    /// The bus.
    pub bus: BusName,
    /// The name.
    pub name: SourceName,
    /// What its owner says of it.
    pub description: Option<String>,
    /// What makes its events.
    pub kind: SourceKind,
}

/// What is to change of a source. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct SourceUpdate {
    /// What its owner says of it; an empty text clears.
    pub description: Option<String>,
    /// Other settings, of the kind that it has.
    pub kind: Option<SourceKind>,
}

impl Sources {
    /// Registers a source on a bus that is there.
    pub async fn create(&self, new: NewSource) -> Result<Arc<RegisteredSource>, SourceError> {
        check(new.description.as_deref())?;
        let _control = self.control.lock().await;
        self.parts.hub.get_bus(&new.bus)?;
        let shown = self.shown();
        if let Some(known) = shown.registered.get(&new.name) {
            return Err(SourceError::AlreadyExists { name: new.name, bus: known.bus.clone() });
        }
        if shown.registered.len() >= COUNT_MAX {
            return Err(SourceError::TooMany { what: "event sources", count_max: COUNT_MAX });
        }
        let NewSource { bus, name, description, kind } = new;
        let created_at = self.parts.clock.now();
        let source = Arc::new(RegisteredSource { bus, name, description, kind, created_at });
        let created =
            self.parts.metadata.create(&source_key(&source.bus, &source.name), write_source(&source));
        created.await.map_err(SourceError::store("store an event source"))?;
        self.show(|next| drop(next.registered.insert(source.name.clone(), source.clone())));
        Ok(source)
    }

    /// Changes a source.
    pub async fn update(
        &self,
        bus: &BusName,
        name: &SourceName,
        update: SourceUpdate,
    ) -> Result<Arc<RegisteredSource>, SourceError> {
        check(update.description.as_deref())?;
        let _control = self.control.lock().await;
        let before = self.get(bus, name)?;
        let mut after = RegisteredSource::clone(&before);
        if let Some(kind) = update.kind {
            after.kind = before.kind.updated(kind)?;
        }
        after.description = update.description.or(after.description);
        if after == *before {
            return Ok(before);
        }
        let after = Arc::new(after);
        let (key, metadata) = (source_key(bus, name), &self.parts.metadata);
        let stored = metadata.get(&key).await.map_err(SourceError::store("read an event source"))?;
        let written = match stored {
            Some(stored) => metadata.replace(&key, stored.revision, write_source(&after)).await,
            None => Err(StoreError::NotFound { key: key.to_string() }),
        };
        written.map_err(SourceError::store("store an event source"))?;
        self.show(|next| drop(next.registered.insert(name.clone(), after.clone())));
        Ok(after)
    }

    /// Takes a source off its bus.
    pub async fn delete(&self, bus: &BusName, name: &SourceName) -> Result<(), SourceError> {
        let _control = self.control.lock().await;
        self.get(bus, name)?;
        let deleted = self.parts.metadata.delete(&source_key(bus, name), None).await;
        deleted.map_err(SourceError::store("delete an event source"))?;
        self.show(|next| drop(next.registered.remove(name)));
        Ok(())
    }

    /// A source of a bus.
    pub fn get(&self, bus: &BusName, name: &SourceName) -> Result<Arc<RegisteredSource>, SourceError> {
        let found = self.shown().registered.get(name).filter(|source| source.bus == *bus).cloned();
        found.ok_or_else(|| SourceError::NotFound { bus: bus.clone(), name: name.clone() })
    }

    /// The registered sources, of one bus or of all, whose names start with `prefix`, by name.
    pub fn registered(&self, bus: Option<&BusName>, prefix: &str) -> Vec<Arc<RegisteredSource>> {
        let shown = self.shown();
        let asked = |source: &&Arc<RegisteredSource>| {
            bus.is_none_or(|bus| source.bus == *bus) && source.name.as_str().starts_with(prefix)
        };
        shown.registered.values().filter(asked).cloned().collect()
    }

    /// Deletes a bus that has neither sources nor rules. `Ok(false)` when there was none.
    ///
    /// It is here and not in the hub, which knows of no sources: nobody can register one meanwhile.
    pub async fn delete_bus(&self, bus: &BusName) -> Result<bool, SourceError> {
        let _control = self.control.lock().await;
        let count = self.registered(Some(bus), "").len();
        if count > 0 && !bus.is_default() {
            return Err(SourceError::BusHasSources { bus: bus.clone(), count });
        }
        Ok(self.parts.hub.delete_bus(bus).await?)
    }
}

fn check(description: Option<&str>) -> Result<(), SourceError> {
    match description.is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        true => Err(SourceError::DescriptionTooLong { chars_max: DESCRIPTION_CHARS_MAX }),
        false => Ok(()),
    }
}
