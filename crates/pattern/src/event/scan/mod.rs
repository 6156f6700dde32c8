//! Finds the ends of strings and values without looking into them.
//!
//! All functions take positions anywhere, also beyond the end of the text, and never panic.

mod vector;

/// Which of 64 bytes are of which kind; the lowest bit is for the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Masks {
    quote: u64,
    backslash: u64,
    /// `{` and `[`
    open: u64,
    /// `}` and `]`
    close: u64,
}

/// The position of the first byte from `at` on that is not white space.
#[inline]
pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// The end of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StringEnd {
    /// Where the closing quote stands.
    pub(super) quote: usize,
    pub(super) has_escapes: bool,
}

/// Finds the end of a string whose characters start at `at`; `None` if it has none.
#[inline]
pub(super) fn string_end(text: &[u8], mut at: usize) -> Option<StringEnd> {
    let mut has_escapes = false;
    loop {
        at = quote_or_backslash(text, at)?;
        if text.get(at) == Some(&b'"') {
            return Some(StringEnd { quote: at, has_escapes });
        }
        has_escapes = true;
        at += 2;
    }
}

#[inline]
fn quote_or_backslash(text: &[u8], mut at: usize) -> Option<usize> {
    let mut rest = text.get(at..)?;
    while let Some((chunk, after)) = rest.split_first_chunk::<16>() {
        let mask = vector::quotes_and_backslashes(chunk);
        if mask != 0 {
            return Some(at + mask.trailing_zeros() as usize);
        }
        rest = after;
        at += 16;
    }
    rest.iter().position(|b| matches!(b, b'"' | b'\\')).map(|distance| at + distance)
}

/// Finds the end of a number, `true`, `false` or `null` that starts at `at`.
#[inline]
pub(super) fn word_end(text: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E') = text.get(at) {
        at += 1;
    }
    at
}

/// Finds the position after the array or object whose inside starts at `at`; `None` if it has no end.
///
/// Brackets are counted, whatever their kind.
pub(super) fn container_end(text: &[u8], at: usize) -> Option<usize> {
    let mut rest = text.get(at..)?;
    let mut state = Skip { depth: 1, in_string: 0, escape: 0 };
    let mut base = at;
    while let Some((block, after)) = rest.split_first_chunk::<64>() {
        if let Some(end) = state.block(block) {
            return Some(base + end);
        }
        rest = after;
        base += 64;
    }
    let mut last = [b' '; 64];
    last[..rest.len()].copy_from_slice(rest);
    state.block(&last).map(|end| base + end)
}

struct Skip {
    /// How many brackets are open.
    depth: usize,
    /// All bits set if the next block starts inside a string, else none.
    in_string: u64,
    /// 1 if the next block starts with an escaped character.
    escape: u64,
}

impl Skip {
    /// The position in `block` after the bracket that closes the outermost one.
    #[inline]
    fn block(&mut self, block: &[u8; 64]) -> Option<usize> {
        let Masks { quote, backslash, open, close } = vector::masks(block);
        let quote = quote & !self.escaped(backslash);
        let in_string = prefix_xor(quote) ^ self.in_string;
        self.in_string = ((in_string as i64) >> 63) as u64;
        let open = open & !in_string;
        let mut close = close & !in_string;
        if (close.count_ones() as usize) < self.depth {
            self.depth += open.count_ones() as usize;
            self.depth -= close.count_ones() as usize;
            return None;
        }
        let mut closed = 0;
        while close != 0 {
            let at = close.trailing_zeros();
            closed += 1;
            let opened = (open & ((1 << at) - 1)).count_ones() as usize;
            if self.depth + opened == closed {
                return Some(at as usize + 1);
            }
            close &= close - 1;
        }
        self.depth = self.depth + open.count_ones() as usize - closed;
        None
    }

    /// Which bytes are escaped by the backslash before them.
    #[inline]
    fn escaped(&mut self, backslash: u64) -> u64 {
        if backslash == 0 {
            return std::mem::take(&mut self.escape);
        }
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
            let tail = "}]\"rest";
            let end = container_end(format!("{text}{tail}").as_bytes(), padding + 1);
            assert_eq!(end, Some(text.len()), "{text}");
            assert_eq!(container_end(&text.as_bytes()[..text.len() - 1], padding + 1), None);
            let string = format!(r#"{space}\"x\\"{tail}"#);
            let end = string_end(string.as_bytes(), 0);
            assert_eq!(end, Some(StringEnd { quote: padding + 5, has_escapes: true }), "{string}");
        }
    }

    /// What `container_end` promises, one byte after the other.
    fn slow_container_end(text: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (1, false, false);
        for (at, byte) in text.iter().enumerate() {
            // A backslash outside of strings is no JSON; there it hides quotes, too.
            let hidden = escaped;
            escaped = *byte == b'\\' && !hidden;
            match byte {
                b'"' if !hidden => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    proptest! {
        #[test]
        fn blocks_and_single_bytes_agree(text in proptest::collection::vec(proptest::sample::select(br#"{}[]"\ a"#.to_vec()), 0..300)) {
            prop_assert_eq!(container_end(&text, 0), slow_container_end(&text));
            let string = text.iter().scan(false, |escaped, &b| {
                let hidden = *escaped;
                *escaped = b == b'\\' && !hidden;
                Some(b == b'"' && !hidden)
            }).position(|end| end);
            prop_assert_eq!(string_end(&text, 0).map(|end| end.quote), string);
        }

        #[test]
        fn bytes_are_found_where_they_are(text in proptest::collection::vec(any::<u8>(), 64)) {
            let masks = vector::masks(text.first_chunk().unwrap());
            let mask_of = |bytes: &[u8]| text.iter().rev().fold(0, |mask, b| mask << 1 | u64::from(bytes.contains(b)));
            prop_assert_eq!(masks.quote, mask_of(b"\""));
            prop_assert_eq!(masks.backslash, mask_of(b"\\"));
            prop_assert_eq!(masks.open, mask_of(b"{["));
            prop_assert_eq!(masks.close, mask_of(b"}]"));
            let mask = vector::quotes_and_backslashes(text.first_chunk().unwrap());
            prop_assert_eq!(u64::from(mask), mask_of(b"\"\\") & 0xffff);
        }
    }
}
