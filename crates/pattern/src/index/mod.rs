//! Many patterns at once: which of them match an event.
//!
//! Each pattern is filed under an *anchor*: plain values, prefixes or suffixes of one of its fields, one of which an
//! event must have there for the pattern to have a chance. Among a pattern's fields that one is chosen whose texts
//! the fewest other patterns name. An event is walked once for all patterns; its values are looked up among the
//! anchors, and the few patterns found there are checked in full against the values already at hand. So the cost of
//! an event depends on how many patterns nearly match, not on how many there are.
//!
//! Patterns without such a text are filed under the presence of a field that they need, and the others in the
//! *rest*, which is checked for every event. Their number is bounded; see [`IndexLimits`].

mod anchor;
mod check;
mod lookup;
mod shared;

use std::hash::Hash;
use std::sync::Arc;

use crate::chunks::Chunks;
use crate::event::{Fields, with_walker};
use crate::pattern::Pattern;
use crate::table::{Table, hash_of_key};
use crate::trie::Trie;
use anchor::Anchor;
use check::Check;
use lookup::Lookup;

pub use shared::SharedIndex;

/// The number of a pattern in one index.
type EntryId = u32;

/// Patterns under keys, and which of them match an event.
///
/// One thread changes it at a time; see [`SharedIndex`] for many.
#[derive(Clone, Debug)]
pub struct Index<K> {
    limits: IndexLimits,
    trie: Trie,
    lookup: Lookup,
    /// What is needed to check a pattern, and what is needed once it matches. Both by the pattern's number; `None`
    /// where that is free.
    checks: Chunks<Option<Check>>,
    entries: Chunks<Option<Entry<K>>>,
    free: Vec<EntryId>,
    /// Where the pattern of a key is.
    ids: Table<EntryId>,
    /// The patterns that every event has to be checked against.
    rest: Vec<EntryId>,
    stats: IndexStats,
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    /// Where the pattern is filed; empty if in the rest.
    anchors: Box<[Anchor]>,
}

/// The bounds of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexLimits {
    /// How many patterns may be filed without a text: under the presence of a field, or in the rest.
    ///
    /// Checking them takes time in proportion to their number, about 30 ns each, for every event that has the field.
    pub without_text_max: usize,
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self { without_text_max: 10_000 }
    }
}

/// How the patterns of an index are filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// All patterns.
    pub patterns: usize,
    /// Patterns that are filed, in whole or in part, under the presence of a field.
    pub under_presence: usize,
    /// Patterns that every event is checked against.
    pub rest: usize,
    /// Paths, parents included, that some pattern looks at or did since the number was last as great.
    pub paths: usize,
}

/// Why a pattern was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// The index has as many patterns without a text to find them by as its limits allow.
    #[error(
        "at most {limit} patterns without a plain value, prefix or suffix that an event must have are allowed; \
         give the pattern one, such as a `source`"
    )]
    TooManyWithoutText {
        /// How many are allowed.
        limit: usize,
    },
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self::new(IndexLimits::default())
    }
}

impl<K> Index<K> {
    /// An index without patterns.
    pub fn new(limits: IndexLimits) -> Self {
        Self {
            limits,
            trie: Trie::default(),
            lookup: Lookup::default(),
            checks: Chunks::default(),
            entries: Chunks::default(),
            free: Vec::new(),
            ids: Table::default(),
            rest: Vec::new(),
            stats: IndexStats::default(),
        }
    }

    /// How the patterns are filed.
    pub fn stats(&self) -> IndexStats {
        IndexStats { paths: self.trie.len() - 1, ..self.stats }
    }

    fn entry(&self, id: EntryId) -> &Entry<K> {
        self.entries.get(id).as_ref().expect("numbers of removed patterns are filed nowhere")
    }

    fn check(&self, id: EntryId) -> &Check {
        self.checks.get(id).as_ref().expect("numbers of removed patterns are filed nowhere")
    }

    fn key_if_holds(&self, id: EntryId, fields: &Fields<'_>) -> Option<&K> {
        self.check(id).holds(fields).then(|| &self.entry(id).key)
    }
}

impl<K: Clone + Eq + Hash> Index<K> {
    /// Adds a pattern, in place of the one that has the key, if any.
    ///
    /// # Errors
    ///
    /// If the pattern offers no text to find it by and the limit for such patterns is reached. Then nothing changes.
    pub fn insert(&mut self, key: K, pattern: Arc<Pattern>) -> Result<(), InsertError> {
        let nodes = self.trie.add(pattern.paths());
        let anchors = anchor::choose(&pattern, &nodes, &self.lookup);
        let (under_presence, rest) = filed_without_text(&anchors);
        let old = self.id_of(&key);
        if under_presence || rest {
            let old_frees_a_place = old.is_some_and(|id| {
                let (under_presence, rest) = filed_without_text(&self.entry(id).anchors);
                under_presence || rest
            });
            let limit = self.limits.without_text_max;
            if self.stats.under_presence + self.stats.rest >= limit && !old_frees_a_place {
                self.trie.remove(&nodes);
                return Err(InsertError::TooManyWithoutText { limit });
            }
        }
        if let Some(id) = old {
            self.remove_entry(&key, id);
        }
        pattern.code().all_conditions(&mut |condition| self.trie.watch(nodes[condition.path as usize]));
        let crowded = self.lookup.mention(&pattern, &nodes);
        self.stats.patterns += 1;
        self.stats.under_presence += usize::from(under_presence);
        self.stats.rest += usize::from(rest);

        let hash = hash_of_key(&key);
        let check = Some(Check::new(pattern, &nodes, anchors.len() > 1));
        let entry = Some(Entry { key, anchors: anchors.into() });
        let id = match self.free.pop() {
            Some(id) => {
                *self.checks.get_mut(id) = check;
                *self.entries.get_mut(id) = entry;
                id
            }
            None => {
                self.checks.push(check);
                self.entries.push(entry)
            }
        };
        self.ids.insert(hash, id);
        let anchors = &self.entries.get(id).as_ref().expect("was just put there").anchors;
        anchors.iter().for_each(|anchor| self.lookup.file(anchor, id));
        if rest {
            self.rest.push(id);
        }
        crowded.into_iter().for_each(|id| self.file_anew(id));
        Ok(())
    }

    /// Files a pattern under what has become the best anchors for it, if those are texts.
    ///
    /// The first patterns are filed while all anchors look equally rare. Without this they would stay under what
    /// turned out to be the type that every other pattern names, and would be checked for every such event.
    fn file_anew(&mut self, id: EntryId) {
        let (Some(entry), Some(check)) = (self.entries.get_mut(id), self.checks.get_mut(id)) else { return };
        let anchors = anchor::choose(check.pattern(), check.nodes(), &self.lookup);
        if anchors[..] == entry.anchors[..]
            || filed_without_text(&anchors) != (false, false)
            || filed_without_text(&entry.anchors) != (false, false)
        {
            return;
        }
        let old = std::mem::replace(&mut entry.anchors, anchors.into());
        check.set_several_anchors(entry.anchors.len() > 1);
        old.iter().for_each(|anchor| self.lookup.unfile(anchor, id));
        entry.anchors.iter().for_each(|anchor| self.lookup.file(anchor, id));
    }

    /// Removes the pattern that has the key; says whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(id) = self.id_of(key) else { return false };
        self.remove_entry(key, id);
        true
    }

    fn remove_entry(&mut self, key: &K, id: EntryId) {
        let (Some(Entry { anchors, .. }), Some(check)) =
            (self.entries.get_mut(id).take(), self.checks.get_mut(id).take())
        else {
            return;
        };
        let (pattern, nodes) = (check.pattern(), check.nodes());
        self.ids.remove(hash_of_key(key), |&other| other == id);
        self.free.push(id);
        anchors.iter().for_each(|anchor| self.lookup.unfile(anchor, id));
        self.lookup.unmention(pattern, nodes);
        let (under_presence, rest) = filed_without_text(&anchors);
        if rest {
            self.rest.retain(|&other| other != id);
        }
        self.stats.patterns -= 1;
        self.stats.under_presence -= usize::from(under_presence);
        self.stats.rest -= usize::from(rest);
        pattern.code().all_conditions(&mut |condition| self.trie.unwatch(nodes[condition.path as usize]));
        self.trie.remove(nodes);
    }

    /// The pattern that has the key.
    pub fn get(&self, key: &K) -> Option<&Arc<Pattern>> {
        self.id_of(key).map(|id| self.check(id).pattern())
    }

    /// Appends to `out` the keys of all patterns that match `event`, each once, in no particular order.
    pub fn matching(&self, event: &[u8], out: &mut Vec<K>) {
        with_walker(|walker| {
            if let Ok(fields) = walker.walk(&self.trie, event) {
                self.matching_fields(&fields, out);
            }
        });
    }

    fn matching_fields(&self, fields: &Fields<'_>, out: &mut Vec<K>) {
        // A pattern with several anchors may be found by more than one of them.
        let mut found_maybe_twice = Vec::new();
        for &node in fields.visits() {
            self.lookup.candidates(node, fields.get(node), |id| {
                let check = self.check(id);
                if check.has_several_anchors() {
                    found_maybe_twice.push(id);
                } else if check.holds(fields) {
                    out.push(self.entry(id).key.clone());
                }
            });
        }
        found_maybe_twice.sort_unstable();
        found_maybe_twice.dedup();
        let others = found_maybe_twice.iter().chain(&self.rest);
        out.extend(others.filter_map(|&id| self.key_if_holds(id, fields).cloned()));
    }

    fn id_of(&self, key: &K) -> Option<EntryId> {
        self.ids.find(hash_of_key(key), |&id| self.entry(id).key == *key).copied()
    }
}

/// Whether a pattern filed so counts as under presence, and whether as rest.
fn filed_without_text(anchors: &[Anchor]) -> (bool, bool) {
    (anchors.iter().any(Anchor::is_presence), anchors.is_empty())
}
