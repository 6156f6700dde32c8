//! What a pattern demands, in one piece of memory.
//!
//! Among 100,000 patterns the one that has to be checked is in no cache, and each piece of memory that has to be
//! fetched for it costs as much as parsing a tenth of the event. So conditions are no tree of objects but bytes, one
//! after the other in the order in which they are checked: *items* of a kind, a length and a content, which may
//! be items again. Only what is rare stands aside.
//!
//! ```text
//! group     = ( condition | choice )*             all must hold
//! condition = path, number, entry*                one entry must hold
//! choice    = path or none, alternative*          one alternative must hold
//! alternative = group
//! entry     = literal | present | absent | operators
//! operators = test*                               one scalar must pass all
//! test      = prefix | suffix | not-equal(literal*) | numeric | block | aside | never
//! ```

mod hold;
mod items;
mod read;
mod write;

pub(crate) use read::{Choice, Code, Condition, Entry, Item, Test};
pub(crate) use write::{CodeWriter, Written};

use crate::condition::{Decimal, TextTest};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Condition,
    Choice,
    Alternative,
    Null,
    Text,
    String,
    False,
    True,
    Present,
    Absent,
    Operators,
    Prefix,
    Suffix,
    NotEqual,
    Numeric,
    BlockV4,
    BlockV6,
    /// Something that stands aside, by its position there.
    Aside,
    /// A test that nothing passes.
    Never,
}

/// What is too rare, or too unlike bytes, to stand in the code.
#[derive(Debug)]
pub(crate) enum Aside {
    /// A number that others are compared with by value.
    Number(Decimal),
    /// A test that only strings can pass.
    Text(TextTest),
    /// Strings that pass none of these tests, and all other scalars.
    NotText(Box<[TextTest]>),
}

/// What stands aside of the code of one pattern.
#[derive(Debug)]
pub(crate) struct AsideList(pub(crate) Box<[Aside]>);
