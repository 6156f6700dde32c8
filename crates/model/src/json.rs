//! JSON text that keeps its member order and number literals.

use std::fmt;

use memchr::memchr2;

/// How deep arrays and objects may nest. Ours: most readers of JSON give up at 128, and an answer of this server puts
/// events a few levels down.
const DEPTH_MAX: usize = 100;

/// Why a text is refused although it has the syntax of JSON: somebody who gets it could not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableJson {
    /// Its arrays and objects nest deeper than [`DEPTH_MAX`].
    TooDeep,
    /// A string holds half of a surrogate pair, which is no character.
    HalfCharacter,
    /// A number has no place among those of 64 bits.
    HugeNumber,
}

impl UnreadableJson {
    /// What is wrong, as a predicate.
    pub(crate) const fn problem(self) -> &'static str {
        match self {
            Self::TooDeep => "nests deeper than 100 levels", // DEPTH_MAX.
            Self::HalfCharacter => "holds half of a surrogate pair",
            Self::HugeNumber => "holds a number beyond 1.8e308",
        }
    }
}

impl fmt::Display for UnreadableJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem())
    }
}

impl std::error::Error for UnreadableJson {}

/// Copies `json` to `out` without the white space between tokens. `json` must be valid JSON. What is in `out` after an
/// error is of no use.
pub fn compact(json: &str, out: &mut Vec<u8>) -> Result<(), UnreadableJson> {
    let bytes = json.as_bytes();
    let mut start = 0;
    let mut at = 0;
    let mut depth = 0usize;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1)?,
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.extend_from_slice(&bytes[start..at]);
                start = at + 1;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(UnreadableJson::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                if is_huge(&json[at..at + length]) {
                    return Err(UnreadableJson::HugeNumber);
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    out.extend_from_slice(&bytes[start.min(bytes.len())..]);
    Ok(())
}

/// Where the string ends whose content begins at `at`: the place of its closing quote.
fn string_end(bytes: &[u8], mut at: usize) -> Result<usize, UnreadableJson> {
    while let Some(next) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += next;
        if bytes[at] == b'"' {
            return Ok(at);
        }
        at += escape_len(&bytes[at..])?;
    }
    Ok(bytes.len())
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Only an exponent or very many digits lead beyond the largest number.
fn is_huge(number: &str) -> bool {
    (number.len() > 300 || number.contains(['e', 'E'])) && number.parse().is_ok_and(f64::is_infinite)
}

/// The length of the escape that `text` starts with; a surrogate pair counts as one.
fn escape_len(text: &[u8]) -> Result<usize, UnreadableJson> {
    match unit(text) {
        None => Ok(2),
        Some(0xd800..=0xdbff) => match unit(&text[6..]) {
            Some(0xdc00..=0xdfff) => Ok(12),
            _ => Err(UnreadableJson::HalfCharacter),
        },
        Some(0xdc00..=0xdfff) => Err(UnreadableJson::HalfCharacter),
        Some(_) => Ok(6),
    }
}

/// The code unit that `text` starts with as `\uXXXX`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(text.strip_prefix(b"\\u")?.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

/// Appends `text` to `out` as a JSON string with quotes.
pub(crate) fn push_string(text: &str, out: &mut Vec<u8>) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("writing to memory does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(json: &str) -> Result<String, UnreadableJson> {
        let mut out = Vec::new();
        compact(json, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn only_space_between_tokens_goes() {
        let json = "{ \"a b\" :\n[1.0,\t3e2 , \"x \\\" y\\\\\" , null ] }";
        assert_eq!(compacted(json).unwrap(), r#"{"a b":[1.0,3e2,"x \" y\\",null]}"#);
    }

    #[test]
    fn what_readers_of_json_give_up_at_is_refused() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(compacted(&nested(DEPTH_MAX)), Ok(nested(DEPTH_MAX)));
        assert_eq!(compacted(&nested(DEPTH_MAX + 1)), Err(UnreadableJson::TooDeep));
        let wide = format!("[{}]", vec!["{\"a\":[]}"; 200].join(","));
        assert_eq!(compacted(&wide), Ok(wide.clone()), "beside each other is not deep");
        let large = r#"{"a":[-0,1.50,3.0e2,1e-999,1.7e308,123456789012345678901234567890],"b":true}"#;
        assert_eq!(compacted(large).as_deref(), Ok(large));
        for json in ["1e309", "[-1E+400]", &"9".repeat(400)] {
            assert_eq!(compacted(json), Err(UnreadableJson::HugeNumber), "{json}");
        }
        assert_eq!(compacted(r#""1e999""#).as_deref(), Ok(r#""1e999""#), "a string is no number");
        let braces = format!("\"{}\"", "[{".repeat(200));
        assert_eq!(compacted(&braces), Ok(braces.clone()), "a string is flat");

        for json in [r#""\ud83d\ude00""#, r#""\u00e9 \\ud800 \" ""#, r#"{"\u0041":"\n"}"#] {
            assert_eq!(compacted(json).as_deref(), Ok(json));
        }
        for json in [r#""\ud800""#, r#""\ude00\ud83d""#, r#""\ud83dx""#, r#"{"\uDFFF":1}"#, r#""\ud83d\n""#] {
            assert_eq!(compacted(json), Err(UnreadableJson::HalfCharacter), "{json}");
        }
    }
}
