//! Finding sources and types by words.

use crate::{Catalog, EventSource, EventType};

/// What a search found in one source.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// The source.
    pub source: &'a EventSource,
    /// The types that were found. Empty when every word speaks of the source as a whole: its name, its service, its
    /// product or its category.
    pub types: Vec<&'a EventType>,
}

/// Every word must be found, in the source or in the type. Hits on sources as a whole come first. No word, no hit.
pub(crate) fn search<'a>(catalog: &'a Catalog, words: &str) -> Vec<Hit<'a>> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut hits: Vec<Hit<'a>> = catalog.sources().filter_map(|source| hit(source, &words)).collect();
    hits.sort_by_key(|hit| !hit.types.is_empty());
    hits
}

fn hit<'a>(source: &'a EventSource, words: &[String]) -> Option<Hit<'a>> {
    let about = about_source(source);
    let missing: Vec<&String> = words.iter().filter(|word| !about.contains(word.as_str())).collect();
    if missing.is_empty() {
        return Some(Hit { source, types: Vec::new() });
    }
    let speaks_of_all = |kind: &&EventType| {
        let about = about_type(kind);
        missing.iter().all(|word| about.contains(word.as_str()))
    };
    let types: Vec<_> = source.types().iter().filter(speaks_of_all).collect();
    (!types.is_empty()).then_some(Hit { source, types })
}

fn about_source(source: &EventSource) -> String {
    let category = source.category();
    lower(&[
        source.name(),
        source.service().unwrap_or_default(),
        source.full_name(),
        source.full_name_zh().unwrap_or_default(),
        source.description(),
        source.bus().unwrap_or_default(),
        category.id(),
        category.name_en(),
        category.name_zh(),
    ])
}

fn about_type(kind: &EventType) -> String {
    lower(&[kind.full_name(), kind.name(), kind.description().unwrap_or_default()])
}

/// Parts are kept apart by line ends, which no word contains.
fn lower(parts: &[&str]) -> String {
    parts.join("\n").to_lowercase()
}
