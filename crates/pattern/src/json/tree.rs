//! A strict reader of JSON text into a tree.

use std::ops::Range;

use indexmap::IndexMap;

use super::text::{is_number, unescape};

/// The members of an object in the order of their first appearance; of equal keys the last value counts.
pub(crate) type Members = IndexMap<String, Json>;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The literal as written.
    Number(String),
    String(String),
    /// The elements, and where in the text the array stands.
    Array(Vec<Json>, Range<usize>),
    Object(Members),
}

impl Json {
    /// What kind of value it is, with its article, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(..) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// Why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) what: &'static str,
    /// Where, in bytes from the start of the text.
    pub(crate) offset: usize,
}

/// Reads `text`, which holds one JSON value with at most `depth_max` arrays and objects within each other.
pub(crate) fn parse(text: &str, depth_max: usize) -> Result<Json, Problem> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(depth_max)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.problem("unexpected text after the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn problem(&self, what: &'static str) -> Problem {
        Problem { what, offset: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Skips white space and takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth_left: usize) -> Result<Json, Problem> {
        self.skip_space();
        match self.peek() {
            Some(b'{' | b'[') if depth_left == 0 => {
                Err(self.problem("too many arrays and objects in each other"))
            }
            Some(b'{') => self.object(depth_left - 1),
            Some(b'[') => self.array(depth_left - 1),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.problem("expected a value")),
            None => Err(self.problem("the text ends too early")),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Problem> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.problem("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, Problem> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let literal = &rest[..end];
        if !is_number(literal.as_bytes()) {
            return Err(self.problem("not a valid number"));
        }
        self.at += end;
        Ok(Json::Number(literal.to_owned()))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut end = start;
        loop {
            match bytes.get(end) {
                None => return Err(Problem { what: "the string has no end", offset: self.at }),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(0..0x20) => {
                    return Err(Problem {
                        what: "a control character in a string must be escaped",
                        offset: end,
                    });
                }
                Some(_) => end += 1,
            }
        }
        let mut characters = Vec::with_capacity(end - start);
        unescape(&bytes[start..end], &mut characters)
            .ok_or(Problem { what: "the string holds an invalid escape", offset: self.at })?;
        self.at = end + 1;
        Ok(String::from_utf8(characters).expect("the text is UTF-8 and escapes become whole characters"))
    }

    fn array(&mut self, depth_left: usize) -> Result<Json, Problem> {
        let start = self.at;
        self.at += 1;
        let mut elements = Vec::new();
        if self.take(b']') {
            return Ok(Json::Array(elements, start..self.at));
        }
        loop {
            elements.push(self.value(depth_left)?);
            if self.take(b']') {
                return Ok(Json::Array(elements, start..self.at));
            }
            if !self.take(b',') {
                return Err(self.problem("expected `,` or `]`"));
            }
        }
    }

    fn object(&mut self, depth_left: usize) -> Result<Json, Problem> {
        self.at += 1;
        let mut members = Members::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.problem("expected a key in quotes"));
            }
            let key = self.string()?;
            if !self.take(b':') {
                return Err(self.problem("expected `:`"));
            }
            members.insert(key, self.value(depth_left)?);
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.problem("expected `,` or `}`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_literals_and_the_last_of_equal_keys_are_kept() {
        let Json::Object(members) = parse(r#" {"a":3.0e2,"b":null,"a":-0} "#, 2).unwrap() else { panic!() };
        assert_eq!(members["a"], Json::Number("-0".into()));
        assert_eq!(members.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn faults_name_their_place() {
        let table = [
            ("", "the text ends too early", 0),
            ("{\"a\":[1,]}", "expected a value", 8),
            ("{\"a\" 1}", "expected `:`", 5),
            ("{a:1}", "expected a key in quotes", 1),
            ("{\"a\":1,}", "expected a key in quotes", 7),
            ("[1 2]", "expected `,` or `]`", 3),
            ("{\"a\":01}", "not a valid number", 5),
            ("[tru]", "expected a value", 1),
            ("[\"a", "the string has no end", 1),
            ("[\"a\\", "the string has no end", 1),
            ("[\"\\ud800\"]", "the string holds an invalid escape", 1),
            ("[\"a\nb\"]", "a control character in a string must be escaped", 3),
            ("{} x", "unexpected text after the value", 3),
            ("[[[0]]]", "too many arrays and objects in each other", 2),
        ];
        for (text, what, offset) in table {
            assert_eq!(parse(text, 2), Err(Problem { what, offset }), "{text}");
        }
    }
}
