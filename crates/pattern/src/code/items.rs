//! The items that code consists of.

use super::Kind;

/// The kinds in the order of their numbers.
const KINDS: [Kind; 19] = [
    Kind::Condition,
    Kind::Choice,
    Kind::Alternative,
    Kind::Null,
    Kind::Text,
    Kind::String,
    Kind::False,
    Kind::True,
    Kind::Present,
    Kind::Absent,
    Kind::Operators,
    Kind::Prefix,
    Kind::Suffix,
    Kind::NotEqual,
    Kind::Numeric,
    Kind::BlockV4,
    Kind::BlockV6,
    Kind::Aside,
    Kind::Never,
];

/// Items that follow one another.
#[derive(Clone, Copy)]
pub(super) struct Items<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (Kind, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, rest) = self.0.split_first()?;
        let (length, rest) = split_u32(rest);
        let (content, rest) = rest.split_at(length as usize);
        self.0 = rest;
        Some((KINDS[kind as usize], content))
    }
}

/// The number at the start of `code`, and what follows it.
#[inline]
pub(super) fn split_u32(code: &[u8]) -> (u32, &[u8]) {
    let (number, rest) = code.split_first_chunk().expect("the writer of code wrote a number here");
    (u32::from_le_bytes(*number), rest)
}

/// Writes items.
#[derive(Debug, Default)]
pub(super) struct ItemsWriter(pub(super) Vec<u8>);

impl ItemsWriter {
    /// Starts an item; what is written before it is [finished](Self::finish) is its content.
    pub(super) fn start(&mut self, kind: Kind) -> usize {
        self.0.push(kind as u8);
        self.0.extend_from_slice(&[0; 4]);
        self.0.len()
    }

    /// Finishes the item that [`start`](Self::start) started.
    pub(super) fn finish(&mut self, start: usize) {
        let length =
            u32::try_from(self.0.len() - start).expect("the code of a pattern is shorter than 4 GiB");
        self.0[start - 4..start].copy_from_slice(&length.to_le_bytes());
    }

    /// Writes an item with this content.
    pub(super) fn whole(&mut self, kind: Kind, content: &[u8]) {
        let start = self.start(kind);
        self.0.extend_from_slice(content);
        self.finish(start);
    }

    pub(super) fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_at_the_place_of_its_number() {
        for (number, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
        assert_eq!(KINDS.len(), Kind::Never as usize + 1);
    }
}
