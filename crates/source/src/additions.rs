//! Additions to the catalog that came by API.

use std::sync::Arc;

use kulkul_catalog::CatalogAdditions;

use crate::document::{addition_key, write_addition};
use crate::{AdditionName, SourceError, Sources};

const COUNT_MAX: usize = 256; // Ours; as many as there may be files.

/// Source documents that are stored under a name, as a file would be.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The JSON text as it was sent: one source document or a list of them.
    pub text: String,
    pub(crate) parsed: CatalogAdditions,
}

impl Addition {
    /// Checks a text. Faults call it by its name.
    pub(crate) fn parse(name: &AdditionName, text: String) -> Result<Self, SourceError> {
        let parsed = CatalogAdditions::parse_json(name.as_str(), &text).map_err(SourceError::Additions)?;
        Ok(Self { text, parsed })
    }
}

impl Sources {
    /// Stores additions, in the place of those that had the name. With one error nothing changes.
    pub async fn put_addition(&self, name: AdditionName, text: String) -> Result<(), SourceError> {
        let addition = Arc::new(Addition::parse(&name, text)?);
        let _control = self.control.lock().await;
        let known = &self.shown().additions;
        if !known.contains_key(&name) && known.len() >= COUNT_MAX {
            return Err(SourceError::TooMany { what: "catalog additions", count_max: COUNT_MAX });
        }
        let (key, metadata) = (addition_key(&name), &self.parts.metadata);
        let value = write_addition(&name, &addition.text);
        let stored = metadata.get(&key).await.map_err(SourceError::store("read catalog additions"))?;
        let written = match stored {
            Some(stored) => metadata.replace(&key, stored.revision, value).await,
            None => metadata.create(&key, value).await,
        };
        written.map_err(SourceError::store("store catalog additions"))?;
        self.show(|next| drop(next.additions.insert(name, addition)));
        Ok(())
    }

    /// Takes additions away.
    pub async fn delete_addition(&self, name: &AdditionName) -> Result<(), SourceError> {
        let _control = self.control.lock().await;
        if !self.shown().additions.contains_key(name) {
            return Err(SourceError::AdditionNotFound { name: name.clone() });
        }
        let deleted = self.parts.metadata.delete(&addition_key(name), None).await;
        deleted.map_err(SourceError::store("delete catalog additions"))?;
        self.show(|next| drop(next.additions.remove(name)));
        Ok(())
    }

    /// The additions of a name.
    pub fn addition(&self, name: &AdditionName) -> Result<Arc<Addition>, SourceError> {
        let found = self.shown().additions.get(name).cloned();
        found.ok_or_else(|| SourceError::AdditionNotFound { name: name.clone() })
    }

    /// The names of all additions, in order.
    pub fn addition_names(&self) -> Vec<AdditionName> {
        self.shown().additions.keys().cloned().collect()
    }
}
