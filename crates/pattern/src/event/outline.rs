//! Where in a text the strings and brackets are.
//!
//! The outline is made in one pass over the text that knows no branches but the rare one for backslashes, 64 bytes at
//! a time. After it, the ends of strings and of whole objects are found by counting bits, without looking at the text
//! again. That is what makes it cheap to skip what nobody looks at.

use wide::u8x16;

/// Where in a text the quotes and brackets are.
#[derive(Debug, Default)]
pub(super) struct Outline {
    blocks: Vec<Block>,
    has_escapes: bool,
}

/// Which of 64 bytes are what; the lowest bit is for the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Block {
    /// Quotes at the start and end of strings.
    quote: u64,
    backslash: u64,
    /// `{` and `[` outside of strings.
    open: u64,
    /// `}` and `]` outside of strings.
    close: u64,
}

impl Outline {
    /// Becomes the outline of `text`; says whether all strings in it have an end.
    pub(super) fn read(&mut self, text: &[u8]) -> bool {
        self.blocks.clear();
        self.blocks.reserve(text.len() / 64 + 1);
        let mut carry = Carry::default();
        let (blocks, rest) = text.as_chunks::<64>();
        let mut any_backslash = 0;
        for bytes in blocks {
            let block = carry.outside_strings(Block::of(bytes));
            any_backslash |= block.backslash;
            self.blocks.push(block);
        }
        if !rest.is_empty() {
            let mut last = [b' '; 64];
            last[..rest.len()].copy_from_slice(rest);
            let block = carry.outside_strings(Block::of(&last));
            any_backslash |= block.backslash;
            self.blocks.push(block);
        }
        self.has_escapes = any_backslash != 0;
        carry.in_string == 0
    }

    /// Gives back memory beyond that for `text_length_max` bytes of text.
    pub(super) fn shrink_to(&mut self, text_length_max: usize) {
        self.blocks.shrink_to(text_length_max / 64);
    }

    /// The position of the closing quote of a string whose characters start at `at`.
    #[inline]
    pub(super) fn string_end(&self, at: usize) -> Option<usize> {
        let mut index = at / 64;
        let mut quotes = self.blocks.get(index)?.quote & from(at);
        while quotes == 0 {
            index += 1;
            quotes = self.blocks.get(index)?.quote;
        }
        Some(index * 64 + quotes.trailing_zeros() as usize)
    }

    /// Says whether there is a backslash between two positions.
    #[inline]
    pub(super) fn has_escapes(&self, start: usize, end: usize) -> bool {
        self.has_escapes && self.has_backslash(start, end)
    }

    fn has_backslash(&self, start: usize, end: usize) -> bool {
        let (first, last) = (start / 64, end / 64);
        (first..=last).any(|index| {
            let Some(block) = self.blocks.get(index) else { return false };
            let mut wanted = u64::MAX;
            if index == first {
                wanted &= from(start);
            }
            if index == last {
                wanted &= !from(end);
            }
            block.backslash & wanted != 0
        })
    }

    /// The position after the array or object whose inside starts at `at`. Brackets are counted, whatever their kind.
    #[inline]
    pub(super) fn container_end(&self, at: usize) -> Option<usize> {
        let mut index = at / 64;
        let mut wanted = from(at);
        let mut depth = 1_usize;
        loop {
            let block = self.blocks.get(index)?;
            let mut brackets = (block.open | block.close) & wanted;
            while brackets != 0 {
                let position = brackets.trailing_zeros();
                let is_close = (block.close >> position & 1) as usize;
                depth = depth + 1 - 2 * is_close;
                if depth == 0 {
                    return Some(index * 64 + position as usize + 1);
                }
                brackets &= brackets - 1;
            }
            index += 1;
            wanted = u64::MAX;
        }
    }
}

/// A bit for each position of a block from that of `at` on.
#[inline]
fn from(at: usize) -> u64 {
    u64::MAX << (at % 64)
}

impl Block {
    /// All quotes, backslashes and brackets.
    #[inline]
    fn of(bytes: &[u8; 64]) -> Self {
        let mut block = Self::default();
        for (index, chunk) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*chunk);
            // `[` and `{`, and `]` and `}`, differ in this bit only, and nothing else becomes one of them by it.
            let folded = bytes | u8x16::splat(0x20);
            let mask = |bytes: u8x16, byte| {
                u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << (16 * index)
            };
            block.quote |= mask(bytes, b'"');
            block.backslash |= mask(bytes, b'\\');
            block.open |= mask(folded, b'{');
            block.close |= mask(folded, b'}');
        }
        block
    }
}

/// What a block has to know of those before it.
#[derive(Default)]
struct Carry {
    /// All bits set if it starts inside a string, else none.
    in_string: u64,
    /// 1 if its first byte is escaped.
    escape: u64,
}

impl Carry {
    /// Takes quotes that are escaped and brackets that are in strings out of `block`, the next one.
    #[inline]
    fn outside_strings(&mut self, mut block: Block) -> Block {
        if block.backslash | self.escape != 0 {
            block.quote &= !self.escaped(block.backslash);
        }
        let in_string = prefix_xor(block.quote) ^ self.in_string;
        self.in_string = ((in_string as i64) >> 63) as u64;
        block.open &= !in_string;
        block.close &= !in_string;
        block
    }

    /// Which bytes are escaped by the backslash before them.
    fn escaped(&mut self, backslash: u64) -> u64 {
        let mut escaped = self.escape;
        let mut left = backslash & !escaped;
        self.escape = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            if at == 63 {
                self.escape = 1;
                break;
            }
            escaped |= 2 << at;
            // The byte after is escaped, so it escapes nothing even if it is a backslash.
            left &= !(3 << at);
        }
        escaped
    }
}

/// Each bit becomes the exclusive or of itself and all lower ones.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ends_are_found_wherever_they_fall_in_a_block() {
        for padding in 0..140 {
            let space = " ".repeat(padding);
            let text = format!(r#"{space}{{"a]}}\\\"}}":[1,"\\",{{"x":"}}]"}}],{space}"b":{{}}}}"#);
            let mut outline = Outline::default();
            assert!(outline.read(format!("{text}}}]").as_bytes()));
            assert_eq!(outline.container_end(padding + 1), Some(text.len()), "{text}");
            assert_eq!(outline.string_end(padding + 2), Some(padding + 10), "{text}");
            assert!(outline.has_escapes(padding + 2, padding + 10));
            assert!(!outline.has_escapes(padding + 2, padding + 5));
            assert!(!outline.has_escapes(padding + 9, padding + 15));
            assert!(outline.read(&text.as_bytes()[..text.len() - 1]));
            assert_eq!(outline.container_end(padding + 1), None, "{text}");
            assert!(!outline.read(format!("{text}\"x").as_bytes()));
        }
    }

    /// The quotes and brackets of a text, one byte after the other.
    fn slow_outline(text: &[u8]) -> (Vec<usize>, Vec<(usize, bool)>, bool) {
        let (mut quotes, mut brackets) = (Vec::new(), Vec::new());
        let (mut in_string, mut escaped) = (false, false);
        for (at, &byte) in text.iter().enumerate() {
            // A backslash outside of strings is no JSON; there it hides quotes, too.
            let hidden = escaped;
            escaped = byte == b'\\' && !hidden;
            match byte {
                b'"' if !hidden => {
                    in_string = !in_string;
                    quotes.push(at);
                }
                b'{' | b'[' | b'}' | b']' if !in_string => brackets.push((at, matches!(byte, b'{' | b'['))),
                _ => {}
            }
        }
        (quotes, brackets, !in_string)
    }

    proptest! {
        #[test]
        fn blocks_and_single_bytes_agree(
            text in proptest::collection::vec(proptest::sample::select(br#"{}[]"\ a;"#.to_vec()), 0..300),
            start in 0..300_usize,
            length in 0..100_usize,
        ) {
            let (quotes, brackets, all_end) = slow_outline(&text);
            let mut outline = Outline::default();
            prop_assert_eq!(outline.read(&text), all_end);
            prop_assert_eq!(outline.string_end(start), quotes.into_iter().find(|&at| at >= start));
            let mut depth = 1;
            let end = brackets.into_iter().filter(|&(at, _)| at >= start).find(|&(_, is_open)| {
                depth += if is_open { 1 } else { -1 };
                depth == 0
            });
            prop_assert_eq!(outline.container_end(start), end.map(|(at, _)| at + 1));
            let part = text.get(start..(start + length).min(text.len())).unwrap_or_default();
            prop_assert_eq!(outline.has_escapes(start, start + length), part.contains(&b'\\'));
        }

        #[test]
        fn all_bytes_but_quotes_and_brackets_are_left_out(byte: u8) {
            let mut outline = Outline::default();
            let ends = outline.read(&[byte]);
            prop_assert_eq!(ends, byte != b'"');
            let one = |is_it: bool| u64::from(is_it);
            let open = one(matches!(byte, b'{' | b'['));
            let close = one(matches!(byte, b'}' | b']'));
            let expected = Block { quote: one(byte == b'"'), backslash: one(byte == b'\\'), open, close };
            prop_assert_eq!(outline.blocks[0], expected);
        }
    }
}
