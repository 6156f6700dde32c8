//! JSON text that keeps its member order and number literals.

/// Copies `json` to `out` without the white space between tokens. `json` must be valid JSON.
pub fn compact(json: &str, out: &mut Vec<u8>) {
    let bytes = json.as_bytes();
    let mut start = 0;
    let mut at = 0;
    let mut in_string = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                out.extend_from_slice(&bytes[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    out.extend_from_slice(&bytes[start.min(bytes.len())..]);
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

    #[test]
    fn only_space_between_tokens_goes() {
        let mut out = Vec::new();
        compact("{ \"a b\" :\n[1.0,\t3e2 , \"x \\\" y\\\\\" , null ] }", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a b":[1.0,3e2,"x \" y\\",null]}"#);
    }
}
