//! Finds patterns by the values of an event.

use super::EntryId;
use super::anchor::{Anchor, AnchorKind, Meaning, all_offered, hash_at, number_hash};
use crate::chunks::Chunks;
use crate::condition::Scalar;
use crate::event::Value;
use crate::pattern::Pattern;
use crate::table::Table;
use crate::trie::NodeId;

/// How many different lengths of prefixes, and of suffixes, a node has: each costs a look at the table for every
/// string. Longer texts than fit are filed by their beginning (end), and at worst by one byte.
const LENGTHS_MAX: usize = 64;

/// About how many patterns are looked at again when another one is inserted: it bounds what an insert can cost.
const CROWDED_MAX: usize = 16;

/// Where patterns are filed, by what an event must have for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    /// What is filed at each node of the trie.
    nodes: Chunks<Filed>,
    /// The patterns under each anchor but presence, by its hash. Where two anchors share a hash they share the list:
    /// every pattern found is checked in full anyway.
    anchors: Table<Ids>,
    /// How many conditions name each anchor that they could be filed under.
    mentions: Table<u32>,
}

/// What is filed at one node, so that values are looked up only where it can help.
#[derive(Clone, Debug, Default)]
struct Filed {
    lexical: u32,
    typed: u32,
    prefixes: Lengths,
    suffixes: Lengths,
    presence: Vec<EntryId>,
}

/// One pattern, as nearly always, or several.
#[derive(Clone, Debug)]
enum Ids {
    One(EntryId),
    Several(Vec<EntryId>),
}

/// Which lengths of texts are filed, in ascending order, and how many patterns with each.
#[derive(Clone, Debug, Default)]
struct Lengths(Vec<(u32, u32)>);

impl Lookup {
    /// Files the pattern `id` under `anchor`.
    pub(super) fn file(&mut self, anchor: &Anchor, id: EntryId) {
        let filed = self.filed_mut(anchor.node);
        match anchor.kind {
            AnchorKind::Lexical => filed.lexical += 1,
            AnchorKind::Typed => filed.typed += 1,
            AnchorKind::Prefix(length) => filed.prefixes.add(length),
            AnchorKind::Suffix(length) => filed.suffixes.add(length),
            AnchorKind::Presence => return filed.presence.push(id),
        }
        match self.anchors.find_mut(anchor.hash, |_| true) {
            Some(ids) => ids.push(id),
            None => self.anchors.insert(anchor.hash, Ids::One(id)),
        }
    }

    /// Takes back [`file`](Self::file).
    pub(super) fn unfile(&mut self, anchor: &Anchor, id: EntryId) {
        let filed = self.filed_mut(anchor.node);
        match anchor.kind {
            AnchorKind::Lexical => filed.lexical -= 1,
            AnchorKind::Typed => filed.typed -= 1,
            AnchorKind::Prefix(length) => filed.prefixes.remove(length),
            AnchorKind::Suffix(length) => filed.suffixes.remove(length),
            AnchorKind::Presence => return filed.presence.retain(|&other| other != id),
        }
        let is_left_empty = self.anchors.find_mut(anchor.hash, |_| true).is_some_and(|ids| ids.remove(id));
        if is_left_empty {
            self.anchors.remove(anchor.hash, |_| true);
        }
    }

    /// Counts all anchors that the pattern could be filed under. Returns some patterns that may be better off under
    /// another anchor now, because the number of mentions of theirs has doubled.
    pub(super) fn mention(&mut self, pattern: &Pattern, nodes: &[NodeId]) -> Vec<EntryId> {
        let mut crowded = Vec::new();
        all_offered(pattern, nodes, |anchor| match self.mentions.find_mut(anchor.hash, |_| true) {
            Some(count) => {
                *count += 1;
                if count.is_power_of_two() && crowded.len() < CROWDED_MAX {
                    let ids = self.anchors.find(anchor.hash, |_| true).map(Ids::as_slice).unwrap_or_default();
                    crowded.extend(ids.iter().take(CROWDED_MAX));
                }
            }
            None => self.mentions.insert(anchor.hash, 1),
        });
        crowded
    }

    /// Takes back [`mention`](Self::mention).
    pub(super) fn unmention(&mut self, pattern: &Pattern, nodes: &[NodeId]) {
        all_offered(pattern, nodes, |anchor| {
            let Some(count) = self.mentions.find_mut(anchor.hash, |_| true) else { return };
            *count -= 1;
            if *count == 0 {
                self.mentions.remove(anchor.hash, |_| true);
            }
        });
    }

    /// How many conditions of the patterns here could be filed under `anchor`.
    pub(super) fn mentions(&self, anchor: &Anchor) -> u32 {
        self.mentions.find(anchor.hash, |_| true).copied().unwrap_or(0)
    }

    /// The length to which a prefix of `length` bytes at `node` has to be cut.
    pub(super) fn prefix_length(&self, node: NodeId, length: u32) -> u32 {
        self.filed(node).map_or(length, |filed| filed.prefixes.usable(length))
    }

    /// The length to which a suffix of `length` bytes at `node` has to be cut.
    pub(super) fn suffix_length(&self, node: NodeId, length: u32) -> u32 {
        self.filed(node).map_or(length, |filed| filed.suffixes.usable(length))
    }

    /// Calls `each` with all patterns that may match an event that has `value` at `node`, possibly several times.
    #[inline]
    pub(super) fn candidates(&self, node: NodeId, value: Value<'_>, mut each: impl FnMut(EntryId)) {
        let Some(filed) = self.filed(node) else { return };
        match value {
            Value::Missing => return,
            Value::Object => {}
            Value::Scalar(scalar) => self.of_scalar(node, filed, scalar, &mut each),
            Value::Array(elements) => {
                elements.iter().for_each(|scalar| self.of_scalar(node, filed, scalar, &mut each));
            }
        }
        filed.presence.iter().copied().for_each(each);
    }

    #[inline]
    fn of_scalar(&self, node: NodeId, filed: &Filed, scalar: Scalar<'_>, each: &mut impl FnMut(EntryId)) {
        let mut look = |hash| {
            if let Some(ids) = self.anchors.find(hash, |_| true) {
                ids.as_slice().iter().copied().for_each(&mut *each);
            }
        };
        if filed.lexical > 0 {
            look(match scalar.text() {
                Some(text) => hash_at(node, Meaning::Text, text),
                None => hash_at(node, Meaning::Null, b""),
            });
        }
        if filed.typed > 0 {
            match scalar {
                // Null is the same for both kinds of equality, and filed as lexical.
                Scalar::Null => {}
                Scalar::Bool(value) => look(hash_at(node, Meaning::Bool, &[u8::from(value)])),
                Scalar::Number(literal) => look(number_hash(node, literal)),
                Scalar::String(text) => look(hash_at(node, Meaning::String, text)),
            }
        }
        if let Scalar::String(text) = scalar {
            for length in filed.prefixes.up_to(text.len()) {
                look(hash_at(node, Meaning::Prefix, &text[..length]));
            }
            for length in filed.suffixes.up_to(text.len()) {
                look(hash_at(node, Meaning::Suffix, &text[text.len() - length..]));
            }
        }
    }

    #[inline]
    fn filed(&self, node: NodeId) -> Option<&Filed> {
        ((node as usize) < self.nodes.len()).then(|| self.nodes.get(node))
    }

    fn filed_mut(&mut self, node: NodeId) -> &mut Filed {
        while self.nodes.len() <= node as usize {
            self.nodes.push(Filed::default());
        }
        self.nodes.get_mut(node)
    }
}

impl Ids {
    #[inline]
    fn as_slice(&self) -> &[EntryId] {
        match self {
            Ids::One(id) => std::slice::from_ref(id),
            Ids::Several(ids) => ids,
        }
    }

    fn push(&mut self, id: EntryId) {
        match self {
            Ids::One(first) => *self = Ids::Several(vec![*first, id]),
            Ids::Several(ids) => ids.push(id),
        }
    }

    /// Removes `id`; says whether nothing is left.
    fn remove(&mut self, id: EntryId) -> bool {
        match self {
            Ids::One(only) => *only == id,
            Ids::Several(ids) => {
                if let Some(at) = ids.iter().position(|&other| other == id) {
                    ids.swap_remove(at);
                }
                ids.is_empty()
            }
        }
    }
}

impl Lengths {
    fn add(&mut self, length: u32) {
        match self.0.binary_search_by_key(&length, |&(other, _)| other) {
            Ok(at) => self.0[at].1 += 1,
            Err(at) => self.0.insert(at, (length, 1)),
        }
    }

    fn remove(&mut self, length: u32) {
        if let Ok(at) = self.0.binary_search_by_key(&length, |&(other, _)| other) {
            self.0[at].1 -= 1;
            if self.0[at].1 == 0 {
                self.0.remove(at);
            }
        }
    }

    /// `length`, if it is there or may be added, else the greatest one below, and at worst 1.
    fn usable(&self, length: u32) -> u32 {
        match self.0.binary_search_by_key(&length, |&(other, _)| other) {
            Ok(_) => length,
            Err(_) if self.0.len() < LENGTHS_MAX => length,
            Err(at) => at.checked_sub(1).map_or(1, |below| self.0[below].0),
        }
    }

    #[inline]
    fn up_to(&self, greatest: usize) -> impl Iterator<Item = usize> {
        self.0.iter().map(|&(length, _)| length as usize).take_while(move |&length| length <= greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_lengths_is_bounded() {
        let mut lengths = Lengths::default();
        for length in (2..1000).step_by(3) {
            let usable = lengths.usable(length);
            assert!(usable <= length);
            lengths.add(usable);
        }
        assert_eq!(lengths.0.len(), LENGTHS_MAX);
        assert_eq!(lengths.usable(1), 1);
        assert_eq!(lengths.usable(6), 5);
        lengths.remove(5);
        assert_eq!(lengths.usable(6), 6);
    }
}
