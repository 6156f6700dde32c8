//! Percent-encoding, as paths, queries, listings and signatures need it.

use std::fmt::Write;

/// What a `+` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself: in paths and in the source of a copy.
    Plus,
    /// A space: in queries and tags.
    Space,
}

/// What becomes of a `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slash {
    /// It stays: in paths and listings.
    Keep,
    /// It becomes `%2F`: in queries.
    Encode,
}

/// Decodes `%XX`. A `%` that no two hexadecimal digits follow stands for itself.
pub(crate) fn decode(text: &[u8], plus: Plus) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let pair = tail.first().and_then(hex_digit).zip(tail.get(1).and_then(hex_digit));
        match (first, pair) {
            (b'%', Some((high, low))) => {
                out.push(high << 4 | low);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) if plus == Plus::Space => out.push(b' '),
            _ => out.push(first),
        }
        rest = tail;
    }
    out
}

/// Decodes `%XX` in text; `None` when the result is not UTF-8.
pub(crate) fn decode_text(text: &str, plus: Plus) -> Option<String> {
    String::from_utf8(decode(text.as_bytes(), plus)).ok()
}

/// Encodes every byte but letters, digits and `-_.~` as `%XX` in upper case.
pub(crate) fn encode(bytes: &[u8], slash: Slash) -> String {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 4);
    for &byte in bytes {
        let keep = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || (byte == b'/' && slash == Slash::Keep);
        if keep {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
    out
}

fn hex_digit(byte: &u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        let table = [("a%2Fb", "a/b"), ("100%", "100%"), ("%2", "%2"), ("%zz", "%zz"), ("a+b", "a+b")];
        for (text, expected) in table {
            assert_eq!(decode_text(text, Plus::Plus).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(decode_text("a+b%2B", Plus::Space).as_deref(), Some("a b+"));
        assert_eq!(decode_text("%FF", Plus::Plus), None);
        assert_eq!(encode("a b/ü~".as_bytes(), Slash::Keep), "a%20b/%C3%BC~");
        assert_eq!(encode(b"a/b", Slash::Encode), "a%2Fb");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            prop_assert_eq!(&decode(encode(&bytes, Slash::Encode).as_bytes(), Plus::Plus), &bytes);
            prop_assert_eq!(decode(encode(&bytes, Slash::Keep).as_bytes(), Plus::Space), bytes);
        }
    }
}
