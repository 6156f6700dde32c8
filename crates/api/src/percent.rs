//! Percent-encoding, as the official clients do it and undo it.

use std::borrow::Cow;

/// Whether RFC 3986 calls the byte unreserved, so that it stays as it is.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
        byte += 1;
    }
    table
};

/// The value of a hexadecimal digit; 0xff for every other byte.
const DIGIT: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b @ b'0'..=b'9' => b - b'0',
            b @ b'a'..=b'f' => b - b'a' + 10,
            b @ b'A'..=b'F' => b - b'A' + 10,
            _ => 0xff,
        };
        byte += 1;
    }
    table
};

/// What `+` stands for: a space in a query or form, itself in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plus {
    Space,
    Plus,
}

/// Appends `bytes` with everything but the unreserved characters encoded, in upper-case hexadecimal.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if UNRESERVED[usize::from(byte)] {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// Undoes percent-encoding. A `%` without two hexadecimal digits stays as it is, which is what clients do, too.
pub(crate) fn decode(text: &[u8], plus: Plus) -> Cow<'_, [u8]> {
    let encoded = |b: u8| b == b'%' || (b == b'+' && plus == Plus::Space);
    let Some(first) = text.iter().position(|&b| encoded(b)) else { return Cow::Borrowed(text) };
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(&text[..first]);
    let mut at = first;
    while at < text.len() {
        let byte = text[at];
        if byte == b'%'
            && let [_, high, low, ..] = text[at..]
            && let (high, low) = (DIGIT[usize::from(high)], DIGIT[usize::from(low)])
            && (high | low) != 0xff
        {
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(if byte == b'+' && plus == Plus::Space { b' ' } else { byte });
            at += 1;
        }
    }
    Cow::Owned(out)
}

/// Undoes percent-encoding of what must be text; `None` when it is not UTF-8.
pub(crate) fn decode_text(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    match decode(text.as_bytes(), plus) {
        Cow::Borrowed(_) => Some(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let all: Vec<u8> = (0..=255).collect();
        let mut encoded = Vec::new();
        encode(&all, &mut encoded);
        assert_eq!(decode(&encoded, Plus::Space), &all[..]);
        assert_eq!(decode(&encoded, Plus::Plus), &all[..]);
        let mut out = Vec::new();
        encode("aZ0-_.~ +/é".as_bytes(), &mut out);
        assert_eq!(out, b"aZ0-_.~%20%2B%2F%C3%A9");
    }

    #[test]
    fn what_is_not_an_encoding_stays() {
        let table = [
            ("a+b%20c", "a b c"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(decode_text(text, Plus::Space).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(decode_text("a+b", Plus::Plus).as_deref(), Some("a+b"));
        assert_eq!(decode_text("%ff", Plus::Plus), None);
    }
}
