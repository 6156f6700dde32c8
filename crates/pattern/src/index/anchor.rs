//! Where a pattern is filed.

use super::lookup::Lookup;
use crate::code::{Choice, Code, Condition, Entry, Item, Test};
use crate::condition::{Decimal, Literal, TextTest};
use crate::pattern::Pattern;
use crate::table::hash_of;
use crate::trie::NodeId;

/// What an event must have at one node for a pattern to have a chance there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) node: NodeId,
    pub(super) kind: AnchorKind,
    /// Of the text, in the context of node and kind. For presence it is not used.
    pub(super) hash: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnchorKind {
    /// A scalar with this text, or null, for lexical equality.
    Lexical,
    /// A scalar with this type and value, or null, for numeric equality.
    Typed,
    /// A string that starts with so many bytes.
    Prefix(u32),
    /// A string that ends with so many bytes.
    Suffix(u32),
    /// Any value.
    Presence,
}

/// What keeps equal bytes of different meaning apart when they are hashed.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    Text,
    Null,
    String,
    Number,
    Bool,
    Prefix,
    Suffix,
    Presence,
}

/// The hash of `bytes` that stand for something at `node`.
#[inline]
pub(super) fn hash_at(node: NodeId, meaning: Meaning, bytes: &[u8]) -> u64 {
    hash_of(u64::from(node) << 8 | meaning as u64, bytes)
}

impl Anchor {
    pub(super) fn is_presence(&self) -> bool {
        self.kind == AnchorKind::Presence
    }

    fn presence(node: NodeId) -> Self {
        Self { node, kind: AnchorKind::Presence, hash: hash_at(node, Meaning::Presence, b"") }
    }

    fn literal(node: NodeId, literal: Literal<'_>) -> Self {
        let (kind, hash) = match literal {
            Literal::Null => (AnchorKind::Lexical, hash_at(node, Meaning::Null, b"")),
            Literal::Text(text) => (AnchorKind::Lexical, hash_at(node, Meaning::Text, text)),
            Literal::String(text) => (AnchorKind::Typed, hash_at(node, Meaning::String, text)),
            Literal::Bool(value) => (AnchorKind::Typed, hash_at(node, Meaning::Bool, &[u8::from(value)])),
            Literal::Number(number) => {
                let mut key = Vec::new();
                number.write_key(&mut key);
                (AnchorKind::Typed, hash_at(node, Meaning::Number, &key))
            }
        };
        Self { node, kind, hash }
    }

    fn prefix(node: NodeId, text: &[u8]) -> Option<Self> {
        let length = u32::try_from(text.len()).ok().filter(|&length| length > 0)?;
        Some(Self { node, kind: AnchorKind::Prefix(length), hash: hash_at(node, Meaning::Prefix, text) })
    }

    fn suffix(node: NodeId, text: &[u8]) -> Option<Self> {
        let length = u32::try_from(text.len()).ok().filter(|&length| length > 0)?;
        Some(Self { node, kind: AnchorKind::Suffix(length), hash: hash_at(node, Meaning::Suffix, text) })
    }
}

/// An anchor that a pattern could have.
struct Offer<'a> {
    anchor: Anchor,
    /// What stands at the anchor, if that is a prefix or suffix.
    text: &'a [u8],
    /// How likely an event is to have it, in the abstract: by its kind and the length of its text.
    weight: f64,
}

impl<'a> Offer<'a> {
    fn new(anchor: Anchor, text: &'a [u8], length: usize) -> Self {
        // Short texts are likelier to be met than long ones, and beginnings and ends than whole texts.
        let short = 8.0 / (1.0 + length as f64);
        let weight = match anchor.kind {
            AnchorKind::Lexical | AnchorKind::Typed => 1.0 + short,
            AnchorKind::Prefix(_) | AnchorKind::Suffix(_) => 2.0 + 2.0 * short,
            AnchorKind::Presence => 64.0,
        };
        Self { anchor, text, weight }
    }

    fn presence(node: NodeId) -> Self {
        Self::new(Anchor::presence(node), b"", 0)
    }

    fn literal(node: NodeId, literal: Literal<'_>) -> Self {
        let length = match literal {
            Literal::Null | Literal::Bool(_) => 0,
            Literal::Text(text) | Literal::String(text) => text.len(),
            Literal::Number(_) => 4,
        };
        Self::new(Anchor::literal(node, literal), b"", length)
    }

    /// The anchors that `test` offers, each of which every value that passes has.
    fn test(node: NodeId, test: Test<'a>) -> impl Iterator<Item = Self> {
        let (start, end): (&'a [u8], &'a [u8]) = match test {
            Test::Prefix(text) => (text, b""),
            Test::Suffix(text) => (b"", text),
            Test::Text(TextTest::Wildcard(wildcard)) => wildcard.ends(),
            Test::Text(_)
            | Test::NotEqual(_)
            | Test::NotText(_)
            | Test::Numeric(_)
            | Test::Block(_)
            | Test::Never => (b"", b""),
        };
        let prefix = Anchor::prefix(node, start).map(|anchor| Self::new(anchor, start, start.len()));
        let suffix = Anchor::suffix(node, end).map(|anchor| Self::new(anchor, end, end.len()));
        prefix.into_iter().chain(suffix)
    }

    /// The anchor, cut to a length that the node has or may have.
    fn settled(&self, lookup: &Lookup) -> Anchor {
        let Anchor { node, kind, .. } = self.anchor;
        let cut = match kind {
            AnchorKind::Prefix(length) => {
                let length = lookup.prefix_length(node, length) as usize;
                self.text.get(..length).and_then(|text| Anchor::prefix(node, text))
            }
            AnchorKind::Suffix(length) => {
                let length = lookup.suffix_length(node, length) as usize;
                self.text.len().checked_sub(length).and_then(|at| Anchor::suffix(node, &self.text[at..]))
            }
            AnchorKind::Lexical | AnchorKind::Typed | AnchorKind::Presence => None,
        };
        cut.unwrap_or(self.anchor)
    }

    /// How many patterns an event that has the anchor is likely to have to be checked against, roughly.
    fn cost(&self, lookup: &Lookup) -> f64 {
        self.weight * (1.0 + lookup.mentions(&self.anchor) as f64)
    }
}

/// Anchors of which every matching event has at least one.
struct Filing<'a> {
    offers: Vec<Offer<'a>>,
    cost: f64,
}

impl Filing<'_> {
    fn cheaper(a: Self, b: Self) -> Self {
        if b.cost < a.cost { b } else { a }
    }
}

/// Chooses where to file `pattern`, whose paths are at `nodes`. Without any anchor it belongs to the rest.
pub(super) fn choose(pattern: &Pattern, nodes: &[NodeId], lookup: &Lookup) -> Vec<Anchor> {
    let Some(Filing { offers, .. }) = (Chooser { nodes, lookup }).group(pattern.code()) else {
        return Vec::new();
    };
    let mut anchors: Vec<_> = offers.iter().map(|offer| offer.settled(lookup)).collect();
    anchors.sort_unstable_by_key(|anchor| (anchor.node, anchor.hash));
    anchors.dedup();
    anchors
}

struct Chooser<'a> {
    nodes: &'a [NodeId],
    lookup: &'a Lookup,
}

impl Chooser<'_> {
    fn group<'p>(&self, group: Code<'p>) -> Option<Filing<'p>> {
        let filing = |item| match item {
            Item::Condition(condition) => self.condition(condition),
            Item::Choice(choice) => self.choice(choice),
        };
        group.items().filter_map(filing).reduce(Filing::cheaper)
    }

    /// All alternatives' anchors together; none if an alternative has none.
    fn choice<'p>(&self, choice: Choice<'p>) -> Option<Filing<'p>> {
        let mut all = Filing { offers: Vec::new(), cost: 0.0 };
        for alternative in choice.alternatives() {
            let Filing { offers, cost } = self.group(alternative)?;
            all.offers.extend(offers);
            all.cost += cost;
        }
        Some(all)
    }

    fn condition<'p>(&self, condition: Condition<'p>) -> Option<Filing<'p>> {
        let node = self.nodes[condition.path as usize];
        let by_text = self.by_text(node, condition);
        let by_presence = condition.needs_presence().then(|| {
            let offer = Offer::presence(node);
            Filing { cost: offer.cost(self.lookup), offers: vec![offer] }
        });
        by_text.into_iter().chain(by_presence).reduce(Filing::cheaper)
    }

    /// An anchor for each entry; none if an entry has none.
    fn by_text<'p>(&self, node: NodeId, condition: Condition<'p>) -> Option<Filing<'p>> {
        let mut all = Filing { offers: Vec::new(), cost: 0.0 };
        for entry in condition.entries() {
            let offer = match entry {
                Entry::Equals(literal) => Offer::literal(node, literal),
                Entry::Operators(operators) => {
                    let offers = operators.tests().flat_map(|test| Offer::test(node, test));
                    offers.min_by(|a, b| a.cost(self.lookup).total_cmp(&b.cost(self.lookup)))?
                }
                Entry::Present | Entry::Absent => return None,
            };
            all.cost += offer.cost(self.lookup);
            all.offers.push(offer);
        }
        Some(all)
    }
}

/// Calls `each` with all anchors that the pattern could be filed under, as often as its conditions offer them.
pub(super) fn all_offered(pattern: &Pattern, nodes: &[NodeId], mut each: impl FnMut(&Anchor)) {
    pattern.code().all_conditions(&mut |condition| {
        let node = nodes[condition.path as usize];
        each(&Anchor::presence(node));
        for entry in condition.entries() {
            match entry {
                Entry::Equals(literal) => each(&Anchor::literal(node, literal)),
                Entry::Operators(operators) => {
                    let offers = operators.tests().flat_map(|test| Offer::test(node, test));
                    offers.for_each(|offer| each(&offer.anchor));
                }
                Entry::Present | Entry::Absent => {}
            }
        }
    });
}

/// The key under which the value of a number is hashed.
pub(super) fn number_hash(node: NodeId, literal: &[u8]) -> u64 {
    let mut key = Vec::with_capacity(literal.len() + 9);
    Decimal::write_key_of(literal, &mut key);
    hash_at(node, Meaning::Number, &key)
}
