//! Additions to the catalog that came by API.

use std::sync::Arc;

use kulkul_catalog::CatalogAdditions;

use crate::document::{addition_key, write_addition};
use crate::{AdditionName, SourceError, Sources};

const COUNT_MAX: usize = 256; // Ours; as many as there may be files.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024; // Ours, for all of them: they are held in memory.

/// Source documents that are stored under a name, as a file would be.
#[derive(Clone, Debug)]
pub struct Addition {
    /// What the text is written in.
    pub form: AdditionForm,
    /// The text as it was sent.
    pub text: String,
    pub(crate) parsed: CatalogAdditions,
}

/// What source documents are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdditionForm {
    /// One source document or a list of them.
    Json,
    /// One source document.
    Toml,
}

impl Addition {
    /// The names of the sources that it speaks of, in its order.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        self.parsed.source_names()
    }

    /// Checks a text. Faults call it by its name.
    pub(crate) fn parse(name: &AdditionName, form: AdditionForm, text: String) -> Result<Self, SourceError> {
        let parsed = match form {
            AdditionForm::Json => CatalogAdditions::parse_json(name.as_str(), &text),
            AdditionForm::Toml => CatalogAdditions::parse_toml(name.as_str(), &text),
        };
        Ok(Self { form, text, parsed: parsed.map_err(SourceError::Additions)? })
    }
}

impl Sources {
    /// Stores additions, in the place of those that had the name. With one error nothing changes.
    pub async fn put_addition(
        &self,
        name: AdditionName,
        form: AdditionForm,
        text: String,
    ) -> Result<Arc<Addition>, SourceError> {
        let addition = Arc::new(Addition::parse(&name, form, text)?);
        let _control = self.control.lock().await;
        let known = &self.shown().additions;
        if !known.contains_key(&name) && known.len() >= COUNT_MAX {
            return Err(SourceError::TooMany { what: "catalog additions", count_max: COUNT_MAX });
        }
        let others = known.iter().filter(|(other, _)| **other != name);
        let bytes: usize = others.map(|(_, addition)| addition.text.len()).sum();
        if bytes + addition.text.len() > TEXT_BYTES_MAX {
            return Err(SourceError::TooMany {
                what: "bytes of catalog additions",
                count_max: TEXT_BYTES_MAX,
            });
        }
        let written = self.parts.metadata.put(&addition_key(&name), write_addition(&name, &addition)).await;
        written.map_err(SourceError::store("store catalog additions"))?;
        self.show(|next| drop(next.additions.insert(name, addition.clone())));
        Ok(addition)
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

    /// All additions, in order of name.
    pub fn additions(&self) -> Vec<(AdditionName, Arc<Addition>)> {
        self.shown().additions.iter().map(|(name, addition)| (name.clone(), addition.clone())).collect()
    }
}
