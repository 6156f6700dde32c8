//! The registry of event sources: one immutable value.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::additions::{CatalogAdditions, SourceAddition};
use crate::source::{EventSource, EventType, Origin};
use crate::{Category, Hit, SampleError, SampleOptions, builtin, canonical_source, sample, search};

/// Event sources and their types. Immutable; a clone costs one reference count.
///
/// A source is told apart by its name and the bus it is registered on: `shop` of bus `a` and `shop` of bus `b` are
/// two sources, and neither hides a source that is bound to no bus.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Sources>);

#[derive(Debug)]
struct Sources {
    /// In order of name, then bus; those without a bus first.
    sources: Vec<Arc<EventSource>>,
    /// Positions of all types (source, type within it), in order of full name; equal names in order of source.
    by_type: Vec<(u32, u32)>,
}

impl Catalog {
    /// The services of Alibaba Cloud. Made at the first call, shared afterwards.
    pub fn builtin() -> Self {
        builtin::builtin()
    }

    /// All sources, in order of name.
    pub fn sources(&self) -> impl Iterator<Item = &EventSource> {
        self.0.sources.iter().map(|source| &**source)
    }

    /// The source of this name, in either spelling ([`canonical_source`]). When several buses have one, a source that
    /// is bound to no bus comes first, then the first bus in order of name.
    pub fn source(&self, name: &str) -> Option<&EventSource> {
        let name = canonical_source(name);
        let at = self.0.sources.partition_point(|source| source.name() < &*name);
        self.0.sources.get(at).map(|source| &**source).filter(|source| source.name() == name)
    }

    /// The sources registered on a bus, in order of name.
    pub fn user_defined<'a>(&'a self, bus: &'a str) -> impl Iterator<Item = &'a EventSource> {
        self.sources().filter(move |source| source.bus() == Some(bus))
    }

    /// The sources of a category, in order of name.
    pub fn in_category(&self, category: Category) -> impl Iterator<Item = &EventSource> {
        self.sources().filter(move |source| source.category() == category)
    }

    /// Finds sources and types by words, English or Chinese, in any order and any case. See [`Hit`].
    pub fn search(&self, words: &str) -> Vec<Hit<'_>> {
        search::search(self, words)
    }

    /// All types with their sources, in order of source.
    pub fn event_types(&self) -> impl Iterator<Item = (&EventSource, &EventType)> {
        self.sources().flat_map(|source| source.types().iter().map(move |kind| (source, kind)))
    }

    /// The type of this full name and the source that sends it. `None` says that the catalog does not know it, not
    /// that it does not exist.
    pub fn event_type(&self, full_name: &str) -> Option<(&EventSource, &EventType)> {
        let at = self.0.by_type.partition_point(|&place| self.at(place).1.full_name() < full_name);
        let found = self.at(*self.0.by_type.get(at)?);
        (found.1.full_name() == full_name).then_some(found)
    }

    /// A complete CloudEvent of a type, as compact JSON. Equal arguments give equal bytes.
    pub fn sample(
        &self,
        source: &str,
        event_type: &str,
        options: &SampleOptions,
    ) -> Result<String, SampleError> {
        sample::sample(self, source, event_type, options)
    }

    /// A new catalog with the additions: new sources, new types of known sources, and corrections, of which only what
    /// they state changes.
    #[must_use]
    pub fn merge(&self, additions: &CatalogAdditions) -> Self {
        let mut sources = self.0.sources.clone();
        let mut new: BTreeMap<(&str, Option<&str>), EventSource> = BTreeMap::new();
        for addition in additions.sources() {
            let key = (addition.name(), addition.bus());
            match sources.binary_search_by(|known| (known.name(), known.bus()).cmp(&key)) {
                Ok(at) => addition.correct(Arc::make_mut(&mut sources[at])),
                Err(_) => match new.entry(key) {
                    Entry::Occupied(mut known) => addition.correct(known.get_mut()),
                    Entry::Vacant(place) => drop(place.insert(addition.create())),
                },
            }
        }
        sources.extend(new.into_values().map(Arc::new));
        sources.sort_by(|a, b| (a.name(), a.bus()).cmp(&(b.name(), b.bus())));
        Self::from_sources(sources)
    }

    /// A new catalog without the source of this name on this bus. One that is not there stays not there.
    #[must_use]
    pub fn unregister(&self, bus: &str, name: &str) -> Self {
        let is_it = |source: &EventSource| source.bus() == Some(bus) && source.name() == name;
        Self::from_sources(self.0.sources.iter().filter(|source| !is_it(source)).cloned().collect())
    }

    /// `sources` must be in order of name, then bus, without doubles.
    pub(crate) fn from_sources(sources: Vec<Arc<EventSource>>) -> Self {
        let mut by_type: Vec<(u32, u32)> = Vec::new();
        for (source_index, source) in sources.iter().enumerate() {
            let place = |index| (count(source_index), count(index));
            by_type.extend((0..source.types.len()).map(place));
        }
        by_type.sort_by(|a, b| full_name(&sources, *a).cmp(full_name(&sources, *b)));
        Self(Arc::new(Sources { sources, by_type }))
    }

    fn at(&self, (source, kind): (u32, u32)) -> (&EventSource, &EventType) {
        let source = &self.0.sources[source as usize];
        (source, &source.types[kind as usize])
    }
}

fn full_name(sources: &[Arc<EventSource>], (source, kind): (u32, u32)) -> &str {
    &sources[source as usize].types[kind as usize].full_name
}

fn count(index: usize) -> u32 {
    u32::try_from(index).expect("sources and types are bounded far below this")
}

impl SourceAddition {
    fn create(&self) -> EventSource {
        let mut source = EventSource {
            name: self.name.clone().into(),
            origin: match &self.bus {
                Some(bus) => Origin::UserDefined { bus: bus.clone() },
                None => Origin::Addition,
            },
            service: None,
            category: Category::Custom,
            name_en: None,
            name_zh: None,
            description: None,
            notes: None,
            types: Vec::new(),
        };
        self.correct(&mut source);
        source
    }

    fn correct(&self, source: &mut EventSource) {
        set(&mut source.service, &self.service);
        set(&mut source.name_en, &self.name_en);
        set(&mut source.name_zh, &self.name_zh);
        set(&mut source.description, &self.description);
        set(&mut source.notes, &self.notes);
        if let Some(category) = self.category {
            source.category = category;
        }
        for addition in &self.types {
            match source.types.iter_mut().find(|known| known.full_name == addition.full_name) {
                Some(known) => addition.correct(known),
                None => source.types.push(addition.create()),
            }
        }
    }
}

/// Changes `known` when something is stated.
pub(crate) fn set<T: Clone>(known: &mut Option<T>, stated: &Option<T>) {
    if stated.is_some() {
        known.clone_from(stated);
    }
}
