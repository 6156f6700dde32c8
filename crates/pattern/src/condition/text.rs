//! Operators on strings.

use memchr::memmem;

use super::{Folded, Wildcard};

/// An operator that only strings can pass.
#[derive(Debug)]
pub(crate) enum TextTest {
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<memmem::Finder<'static>>),
    Wildcard(Box<Wildcard>),
    EqualsIgnoringCase(Folded),
    PrefixIgnoringCase(Folded),
    SuffixIgnoringCase(Folded),
}

impl TextTest {
    /// Says whether the string `text` passes.
    pub(crate) fn holds_for(&self, text: &[u8]) -> bool {
        match self {
            TextTest::Prefix(start) => text.starts_with(start),
            TextTest::Suffix(end) => text.ends_with(end),
            TextTest::Contains(piece) => piece.find(text).is_some(),
            TextTest::Wildcard(wildcard) => wildcard.holds_for(text),
            TextTest::EqualsIgnoringCase(folded) => folded.equals(text),
            TextTest::PrefixIgnoringCase(folded) => folded.starts(text),
            TextTest::SuffixIgnoringCase(folded) => folded.ends(text),
        }
    }
}
