//! What a walk found.

use crate::condition::Scalar;
use crate::trie::NodeId;

/// What kind of value stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes, which are resolved among the decoded characters.
    Escaped,
    Array,
    Object,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// Both positions lie in an event, or in what was made of it, which is shorter than 4 GiB.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        list.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A value as the walk leaves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// Where it stands in the event; strings without their quotes.
    pub(super) raw: Span,
    /// For escaped strings the decoded characters, for arrays the elements.
    pub(super) extra: Span,
}

/// What the walk knows about one node of the trie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// The walk that saw the node last. Other walks' slots count as unseen, so nothing needs to be cleared.
    pub(super) walk: u32,
    /// Whether the value still counts: it does not once a parent appears again.
    pub(super) is_set: bool,
    pub(super) found: Found,
    /// Which positions of the order of visits belong to the nodes below.
    pub(super) below: Span,
}

impl Slot {
    pub(super) const UNSEEN: Self = Self {
        walk: 0,
        is_set: false,
        found: Found { kind: Kind::Null, raw: Span { start: 0, end: 0 }, extra: Span { start: 0, end: 0 } },
        below: Span { start: 0, end: 0 },
    };
}

/// The values that one walk found.
pub(crate) struct Fields<'a> {
    pub(super) event: &'a [u8],
    pub(super) walk: u32,
    pub(super) slots: &'a [Slot],
    pub(super) elements: &'a [Found],
    pub(super) decoded: &'a [u8],
    pub(super) visits: &'a [NodeId],
}

/// The value of a field.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Missing,
    Scalar(Scalar<'a>),
    Array(Elements<'a>),
    Object,
}

/// The scalars of an array; arrays and objects among its elements do not count.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    list: &'a [Found],
    event: &'a [u8],
    decoded: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The value at `node`.
    #[inline]
    pub(crate) fn get(&self, node: NodeId) -> Value<'a> {
        let Some(found) = self.found(node) else { return Value::Missing };
        match found.kind {
            Kind::Object => Value::Object,
            Kind::Array => Value::Array(Elements {
                list: found.extra.of(self.elements),
                event: self.event,
                decoded: self.decoded,
            }),
            _ => Value::Scalar(scalar(found, self.event, self.decoded)),
        }
    }

    /// The JSON text of the value at `node`; `None` if it is missing.
    pub(crate) fn raw(&self, node: NodeId) -> Option<&'a [u8]> {
        let found = self.found(node)?;
        let quotes = u32::from(matches!(found.kind, Kind::Plain | Kind::Escaped));
        Some(Span { start: found.raw.start - quotes, end: found.raw.end + quotes }.of(self.event))
    }

    /// The watched nodes that have a value, each once.
    pub(crate) fn visits(&self) -> &'a [NodeId] {
        self.visits
    }

    #[inline]
    fn found(&self, node: NodeId) -> Option<&'a Found> {
        let slot = self.slots.get(node as usize)?;
        (slot.walk == self.walk && slot.is_set).then_some(&slot.found)
    }
}

impl<'a> Elements<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = Scalar<'a>> {
        self.list.iter().map(move |found| scalar(found, self.event, self.decoded))
    }
}

/// The scalar that was found. Arrays and objects are none; they never come here.
#[inline]
fn scalar<'a>(found: &Found, event: &'a [u8], decoded: &'a [u8]) -> Scalar<'a> {
    match found.kind {
        Kind::Null | Kind::Array | Kind::Object => Scalar::Null,
        Kind::False => Scalar::Bool(false),
        Kind::True => Scalar::Bool(true),
        Kind::Number => Scalar::Number(found.raw.of(event)),
        Kind::Plain => Scalar::String(found.raw.of(event)),
        Kind::Escaped => Scalar::String(found.extra.of(decoded)),
    }
}
