//! The small pieces of JSON text: numbers, escapes, white space.

/// Says whether `text` is one JSON number and nothing else.
pub(crate) fn is_number(text: &[u8]) -> bool {
    let digits = |at: usize| text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    match text.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at += digits(at),
        _ => return false,
    }
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return false;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at.min(text.len()));
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == text.len()
}

/// Appends the characters that `raw`, the inside of a JSON string, stands for; `None` if an escape is not valid.
///
/// Half of a surrogate pair is not valid: it stands for no character.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (&escape, after) = rest[at + 1..].split_first()?;
        rest = after;
        match escape {
            b'"' | b'\\' | b'/' => out.push(escape),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, after) = unicode_escape(rest)?;
                rest = after;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    out.extend_from_slice(rest);
    Some(())
}

/// Reads what follows `\u`, with the second half of a surrogate pair.
fn unicode_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = four_hex_digits(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let (second, rest) = four_hex_digits(rest.strip_prefix(b"\\u")?)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(code)?, rest))
}

fn four_hex_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let mut code = 0;
    for &digit in digits {
        code = code * 16 + char::from(digit).to_digit(16)?;
    }
    Some((code, rest))
}

/// The text of a JSON value without white space between tokens, at most `length_max` characters of it.
///
/// What is cut off is shown by `…`. Bytes that are not UTF-8 are shown by `U+FFFD`.
pub(crate) fn compact(text: &[u8], length_max: usize) -> String {
    // Four bytes hold the longest character, so this much text is enough to fill the length.
    let mut kept = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    let enough = length_max.saturating_mul(4).saturating_add(4);
    for &byte in text {
        if kept.len() >= enough {
            break;
        }
        if !in_string && matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        }
        if byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = byte == b'\\' && !escaped;
        kept.push(byte);
    }
    let kept = String::from_utf8_lossy(&kept);
    match kept.char_indices().nth(length_max) {
        Some((end, _)) => format!("{}…", &kept[..end]),
        None => kept.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_grammar_of_json() {
        for good in ["0", "-0", "1", "10.5", "-1.0e+3", "1E5", "0.0", "1e-7"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "--1", "1.e1", "nan"] {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn escapes_become_characters_or_are_refused() {
        let table = [
            (r#"a\"\\\/\b\f\n\r\t"#, Some("a\"\\/\u{8}\u{c}\n\r\t")),
            (r"\u0041\u4e2d", Some("A中")),
            (r"\ud83d\ude00", Some("😀")),
            (r"\ud83d", None),
            (r"\ud83dx", None),
            (r"\ud83d\u0041", None),
            (r"\ude00", None),
            (r"\u12", None),
            (r"\u+123", None),
            (r"\x", None),
            (r"\", None),
        ];
        for (raw, expected) in table {
            let mut out = Vec::new();
            let done = unescape(raw.as_bytes(), &mut out);
            assert_eq!(done.map(|()| String::from_utf8(out).unwrap()).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn compact_text_is_cut_between_characters() {
        assert_eq!(compact(b" { \"a b\" : [ 1 , \"x \\\" y\" ] } ", 100), r#"{"a b":[1,"x \" y"]}"#);
        assert_eq!(compact("\"中国人\"".as_bytes(), 3), "\"中国…");
        assert_eq!(compact(b"\"\xff\"", 9), "\"\u{fffd}\"");
    }
}
