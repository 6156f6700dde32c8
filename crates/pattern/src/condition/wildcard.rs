//! The operator `wildcard`.

use memchr::memmem;

/// A text with `*` for any run of characters; `\*` and `\\` stand for themselves.
///
/// Matching looks for the pieces between the stars from left to right and never goes back, so it takes time
/// proportional to the text, whatever the number of stars.
#[derive(Clone, Debug)]
pub(crate) struct Wildcard {
    first: Box<[u8]>,
    /// What follows the first star; `None` if there is no star.
    rest: Option<Rest>,
}

#[derive(Clone, Debug)]
struct Rest {
    middle: Box<[memmem::Finder<'static>]>,
    last: Box<[u8]>,
}

impl Wildcard {
    /// Reads `text`; `None` if a backslash escapes anything else than `*` or a backslash.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = vec![Vec::new()];
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let piece = pieces.last_mut()?;
            match byte {
                b'*' => pieces.push(Vec::new()),
                b'\\' => piece.push(bytes.next().filter(|b| matches!(b, b'*' | b'\\'))?),
                _ => piece.push(byte),
            }
        }
        let last = pieces.pop()?;
        let mut pieces = pieces.into_iter();
        let Some(first) = pieces.next() else { return Some(Self { first: last.into(), rest: None }) };
        let middle =
            pieces.filter(|piece| !piece.is_empty()).map(|piece| memmem::Finder::new(&piece).into_owned());
        Some(Self { first: first.into(), rest: Some(Rest { middle: middle.collect(), last: last.into() }) })
    }

    /// Says whether the whole `text` fits.
    pub(crate) fn holds_for(&self, text: &[u8]) -> bool {
        let Some(rest) = &self.rest else { return *self.first == *text };
        let Some(mut text) = text.strip_prefix(&*self.first).and_then(|text| text.strip_suffix(&*rest.last))
        else {
            return false;
        };
        for piece in &rest.middle {
            let Some(at) = piece.find(text) else { return false };
            text = &text[at + piece.needle().len()..];
        }
        true
    }

    /// What every text that fits starts with, and what it ends with.
    pub(crate) fn ends(&self) -> (&[u8], &[u8]) {
        match &self.rest {
            Some(rest) => (&self.first, &rest.last),
            None => (&self.first, &self.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        let table = [
            ("a/*/c*.log", "a/b/c1.log", true),
            ("a/*/c*.log", "a/b/c1/c.log", true),
            ("a/*/c*.log", "a/c.log", false),
            ("*", "", true),
            ("**", "x", true),
            ("*a*a*", "aa", true),
            ("*a*a*", "a", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\*", r"a\x", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
        ];
        for (wildcard, text, fits) in table {
            assert_eq!(
                Wildcard::parse(wildcard).unwrap().holds_for(text.as_bytes()),
                fits,
                "{text} and {wildcard}"
            );
        }
    }

    #[test]
    fn a_backslash_escapes_only_stars_and_backslashes() {
        for text in [r"\a", r"a\", r"\\\"] {
            assert!(Wildcard::parse(text).is_none(), "{text}");
        }
    }
}
