//! What users add to the catalog: source documents in JSON or TOML, and the event sources registered on buses.
//!
//! Additions are taken whole or not at all: a text with one error adds nothing, and so does a directory with one bad
//! file. A fault says in which file and line it is.

mod directory;
mod document;
mod fields;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::Category;
use crate::canonical_source;
use crate::catalog::set;
use crate::source::{Basis, EventType, Payload, Setting, Text};

pub use directory::LoadLimits;

/// Sources and types to merge into a catalog, checked. A clone costs one reference count for each source.
#[derive(Clone, Debug, Default)]
pub struct CatalogAdditions {
    sources: Vec<Arc<SourceAddition>>,
}

/// An event source that a user registers on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDefinedSource {
    /// The bus.
    pub bus: String,
    /// The source's name, unique on its bus.
    pub name: String,
    /// A sentence about it, where its owner wrote one.
    pub description: Option<String>,
    /// The full names of the types that it is known to send. Others may come all the same.
    pub types: Vec<String>,
}

/// Why additions were refused. Nothing of them was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionsError {
    /// What is wrong, at least one, at most one for each file.
    pub faults: Vec<AdditionFault>,
}

/// One thing that is wrong with additions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct AdditionFault {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from 1; `None` when the fault is not in the text.
    pub line: Option<usize>,
    /// The column in the line, counted from 1, near where reading stopped.
    pub column: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

/// What is stated about one source. What is `None` says nothing, and changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct SourceAddition {
    pub(crate) name: String,
    pub(crate) bus: Option<String>,
    pub(crate) service: Option<Text>,
    pub(crate) category: Option<Category>,
    pub(crate) name_en: Option<Text>,
    pub(crate) name_zh: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) notes: Option<Text>,
    pub(crate) types: Vec<TypeAddition>,
}

/// What is stated about one type.
#[derive(Clone, Debug)]
pub(crate) struct TypeAddition {
    pub(crate) full_name: String,
    pub(crate) name: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) basis: Option<Basis>,
    pub(crate) reference: Option<Text>,
    pub(crate) payload: Option<Payload>,
    pub(crate) subject: Option<Text>,
    pub(crate) datacontenttype: Option<Text>,
    pub(crate) sample: Option<Cow<'static, [u8]>>,
    pub(crate) setting: Option<Arc<Setting>>,
}

impl CatalogAdditions {
    /// Reads a JSON text: one source document, or a list of them. `file` is how faults call it.
    pub fn parse_json(file: &str, text: &str) -> Result<Self, AdditionsError> {
        document::parse_json(file, text).map(Self::of).map_err(AdditionsError::one)
    }

    /// Reads a TOML text: one source document. `file` is how faults call it.
    pub fn parse_toml(file: &str, text: &str) -> Result<Self, AdditionsError> {
        document::parse_toml(file, text).map(|source| Self::of([source])).map_err(AdditionsError::one)
    }

    /// The registration of event sources on buses. Of a source registered twice, the later statement corrects the
    /// earlier one. Names are taken as they are: whoever accepted the registration has checked them.
    pub fn registered(sources: impl IntoIterator<Item = UserDefinedSource>) -> Self {
        Self::of(sources.into_iter().map(SourceAddition::registered))
    }

    fn of(sources: impl IntoIterator<Item = SourceAddition>) -> Self {
        Self { sources: sources.into_iter().map(Arc::new).collect() }
    }

    /// Appends additions; where they speak of the same thing, the later ones count.
    pub fn extend(&mut self, later: CatalogAdditions) {
        self.sources.extend(later.sources);
    }

    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The names of the sources that they speak of, in order.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        self.sources().map(SourceAddition::name)
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &SourceAddition> {
        self.sources.iter().map(|source| &**source)
    }
}

impl SourceAddition {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bus(&self) -> Option<&str> {
        self.bus.as_deref()
    }

    fn registered(source: UserDefinedSource) -> Self {
        Self {
            name: canonical_source(&source.name).into_owned(),
            bus: Some(source.bus),
            service: None,
            category: None,
            name_en: None,
            name_zh: None,
            description: source.description.map(Text::from),
            notes: None,
            types: source.types.into_iter().map(TypeAddition::named).collect(),
        }
    }
}

impl TypeAddition {
    fn named(full_name: String) -> Self {
        Self {
            full_name,
            name: None,
            description: None,
            basis: None,
            reference: None,
            payload: None,
            subject: None,
            datacontenttype: None,
            sample: None,
            setting: None,
        }
    }

    /// The type as it is when nothing was known before.
    pub(crate) fn create(&self) -> EventType {
        let mut kind = EventType {
            full_name: self.full_name.clone().into(),
            name: None,
            description: None,
            basis: Basis::Added,
            reference: None,
            payload: Payload::Unknown,
            subject: None,
            datacontenttype: None,
            sample: None,
            setting: None,
        };
        self.correct(&mut kind);
        kind
    }

    /// Changes what is stated.
    pub(crate) fn correct(&self, kind: &mut EventType) {
        set(&mut kind.name, &self.name);
        set(&mut kind.description, &self.description);
        set(&mut kind.reference, &self.reference);
        set(&mut kind.subject, &self.subject);
        set(&mut kind.datacontenttype, &self.datacontenttype);
        if let Some(basis) = self.basis {
            kind.basis = basis;
        }
        if self.sample.is_some() {
            // The setting belongs to the sample: ours says nothing about the data of others.
            kind.sample.clone_from(&self.sample);
            kind.setting.clone_from(&self.setting);
            kind.payload = Payload::Added;
        }
        if let Some(payload) = self.payload {
            kind.payload = payload;
        }
    }
}

impl AdditionsError {
    fn one(fault: AdditionFault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl fmt::Display for AdditionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for AdditionsError {}

impl fmt::Display for AdditionFault {
    /// `orders.json:12:9: unknown category …`: editors and terminals open such places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
