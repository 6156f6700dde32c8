//! Reads code.

use super::items::{Items, split_u32};
use super::write::operator_of;
use super::{Aside, AsideList, Kind};
use crate::condition::{Block, Comparison, Comparisons, Literal, TextTest};
use crate::paths::PathId;

/// Conditions and choices that must all hold.
#[derive(Clone, Copy)]
pub(crate) struct Code<'a> {
    code: &'a [u8],
    /// Not the list itself, for to know its length is to have fetched it.
    aside: &'a AsideList,
}

/// A part of a pattern.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Condition(Condition<'a>),
    Choice(Choice<'a>),
}

/// What is demanded of one field: that one of the entries holds.
#[derive(Clone, Copy)]
pub(crate) struct Condition<'a> {
    pub(crate) path: PathId,
    /// Counts the conditions of the pattern from 0.
    pub(crate) number: u32,
    entries: Code<'a>,
}

/// Alternatives of which one must hold: `$or`.
#[derive(Clone, Copy)]
pub(crate) struct Choice<'a> {
    /// The object that has the key `$or`; `None` if that is the event.
    pub(crate) within: Option<PathId>,
    alternatives: Code<'a>,
}

/// One entry of a field's array.
#[derive(Clone, Copy)]
pub(crate) enum Entry<'a> {
    /// A plain value: some scalar of the field equals it.
    Equals(Literal<'a>),
    /// The field is there.
    Present,
    /// The field is not there.
    Absent,
    /// Operators: some scalar of the field passes all their tests.
    Operators(Operators<'a>),
}

/// Tests of which a scalar must pass all.
#[derive(Clone, Copy)]
pub(crate) struct Operators<'a>(Code<'a>);

/// One operator.
#[derive(Clone, Copy)]
pub(crate) enum Test<'a> {
    Prefix(&'a [u8]),
    Suffix(&'a [u8]),
    NotEqual(Literals<'a>),
    Numeric(Comparisons),
    Block(Block),
    Text(&'a TextTest),
    NotText(&'a [TextTest]),
    Never,
}

/// Plain values in a list.
#[derive(Clone, Copy)]
pub(crate) struct Literals<'a>(Code<'a>);

impl<'a> Code<'a> {
    /// The code of a pattern, and what stands aside of it, as the writer left them.
    #[inline]
    pub(crate) fn new(code: &'a [u8], aside: &'a AsideList) -> Self {
        Self { code, aside }
    }

    #[inline]
    fn with(self, code: &'a [u8]) -> Self {
        Self { code, aside: self.aside }
    }

    /// The conditions and choices, in the order of the pattern.
    #[inline]
    pub(crate) fn items(self) -> impl Iterator<Item = Item<'a>> {
        Items(self.code).map(move |(kind, content)| {
            let (path, rest) = split_u32(content);
            match kind {
                Kind::Choice => {
                    let within = (path != PathId::MAX).then_some(path);
                    Item::Choice(Choice { within, alternatives: self.with(rest) })
                }
                _ => {
                    let (number, rest) = split_u32(rest);
                    Item::Condition(Condition { path, number, entries: self.with(rest) })
                }
            }
        })
    }

    /// Calls `each` for the conditions, those of all alternatives included.
    pub(crate) fn all_conditions(self, each: &mut impl FnMut(Condition<'a>)) {
        for item in self.items() {
            match item {
                Item::Condition(condition) => each(condition),
                Item::Choice(choice) => choice.alternatives().for_each(|group| group.all_conditions(each)),
            }
        }
    }

    #[inline]
    fn aside(self, content: &[u8]) -> &'a Aside {
        &self.aside.0[split_u32(content).0 as usize]
    }

    #[inline]
    fn literal(self, kind: Kind, content: &'a [u8]) -> Literal<'a> {
        match kind {
            Kind::Text => Literal::Text(content),
            Kind::String => Literal::String(content),
            Kind::True => Literal::Bool(true),
            Kind::False => Literal::Bool(false),
            Kind::Aside => match self.aside(content) {
                Aside::Number(number) => Literal::Number(number),
                Aside::Text(_) | Aside::NotText(_) => {
                    unreachable!("the writer puts only numbers where literals are")
                }
            },
            _ => Literal::Null,
        }
    }
}

impl<'a> Condition<'a> {
    #[inline]
    pub(crate) fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let code = self.entries;
        Items(code.code).map(move |(kind, content)| match kind {
            Kind::Present => Entry::Present,
            Kind::Absent => Entry::Absent,
            Kind::Operators => Entry::Operators(Operators(code.with(content))),
            literal => Entry::Equals(code.literal(literal, content)),
        })
    }
}

impl<'a> Choice<'a> {
    /// The alternatives in the order of the pattern.
    #[inline]
    pub(crate) fn alternatives(self) -> impl Iterator<Item = Code<'a>> {
        Items(self.alternatives.code).map(move |(_, content)| self.alternatives.with(content))
    }
}

impl<'a> Operators<'a> {
    #[inline]
    pub(crate) fn tests(self) -> impl Iterator<Item = Test<'a>> {
        let code = self.0;
        Items(code.code).map(move |(kind, content)| match kind {
            Kind::Prefix => Test::Prefix(content),
            Kind::Suffix => Test::Suffix(content),
            Kind::NotEqual => Test::NotEqual(Literals(code.with(content))),
            Kind::Numeric => Test::Numeric(comparisons(content)),
            Kind::BlockV4 => {
                let (network, rest) = split_u32(content);
                Test::Block(Block::V4 { network, mask: split_u32(rest).0 })
            }
            Kind::BlockV6 => {
                let (network, rest) = split_u128(content);
                Test::Block(Block::V6 { network, mask: split_u128(rest).0 })
            }
            Kind::Aside => match code.aside(content) {
                Aside::Text(test) => Test::Text(test),
                Aside::NotText(tests) => Test::NotText(tests),
                Aside::Number(_) => unreachable!("the writer puts numbers only where literals are"),
            },
            _ => Test::Never,
        })
    }
}

impl<'a> Literals<'a> {
    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = Literal<'a>> {
        Items(self.0.code).map(move |(kind, content)| self.0.literal(kind, content))
    }
}

#[inline]
fn comparisons(content: &[u8]) -> Comparisons {
    let (first, rest) = split_comparison(content);
    let second = if rest.is_empty() { None } else { Some(split_comparison(rest).0) };
    Comparisons(first, second)
}

#[inline]
fn split_comparison(content: &[u8]) -> (Comparison, &[u8]) {
    let (chunk, rest) = content.split_first_chunk::<9>().expect("the writer wrote a comparison here");
    let [operator, operand @ ..] = *chunk;
    (Comparison { operator: operator_of(operator), operand: f64::from_le_bytes(operand) }, rest)
}

#[inline]
fn split_u128(content: &[u8]) -> (u128, &[u8]) {
    let (number, rest) = content.split_first_chunk().expect("the writer wrote an address here");
    (u128::from_le_bytes(*number), rest)
}
