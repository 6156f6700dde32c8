//! Comparison without regard to upper and lower case.

/// A text in lower case, for comparison with texts in any case.
///
/// Lower case is Unicode's, character by character: what a character becomes does not depend on its neighbours, so
/// that beginnings and ends of a text compare as the whole does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folded(Box<str>);

impl Folded {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().flat_map(char::to_lowercase).collect())
    }

    /// Says whether `text` equals this one; text that is not UTF-8 never does.
    pub(crate) fn equals(&self, text: &[u8]) -> bool {
        if text.is_ascii() && self.0.is_ascii() {
            return self.0.as_bytes().eq_ignore_ascii_case(text);
        }
        std::str::from_utf8(text)
            .is_ok_and(|text| text.chars().flat_map(char::to_lowercase).eq(self.0.chars()))
    }

    /// Says whether `text` starts with this one.
    pub(crate) fn starts(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        starts_with(text.chars().flat_map(char::to_lowercase), self.0.chars())
    }

    /// Says whether `text` ends with this one.
    pub(crate) fn ends(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        starts_with(text.chars().rev().flat_map(|c| c.to_lowercase().rev()), self.0.chars().rev())
    }
}

fn starts_with(mut text: impl Iterator<Item = char>, start: impl Iterator<Item = char>) -> bool {
    start.into_iter().all(|expected| text.next() == Some(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored_beyond_ascii_too() {
        assert!(Folded::new("ÄÖ-x").equals("äö-X".as_bytes()));
        assert!(!Folded::new("ÄÖ-x").equals("äö-y".as_bytes()));
        assert!(Folded::new("EventB").starts(b"eVENTbridge"));
        assert!(!Folded::new("EventB").starts(b"event"));
        assert!(Folded::new(".ÄPG").ends("photo.äpg".as_bytes()));
        assert!(!Folded::new("a").equals(b"\xff"));
    }

    #[test]
    fn a_character_that_becomes_two_is_compared_as_two() {
        assert!(Folded::new("İx").ends("AİX".as_bytes()));
        assert!(Folded::new("i\u{307}x").equals("İX".as_bytes()));
    }
}
