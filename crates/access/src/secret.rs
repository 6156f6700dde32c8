//! Texts that nobody may see.

use std::fmt;

use crate::AccessError;

/// A secret text. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes over a secret: 1 to 256 printable ASCII characters without spaces.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let valid = (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| Self(text.into())).ok_or(AccessError::Invalid {
            what: "access key secret",
            rule: "1 to 256 printable ASCII characters without spaces",
        })
    }

    /// A new random one: 30 letters and digits, 178 bits.
    pub(crate) fn random() -> Result<Self, AccessError> {
        random_text(30).map(|text| Self(text.into()))
    }

    /// The text itself, for computing a signature.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether two byte strings are equal, in a time that depends on nothing but their lengths.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // The whole difference is computed before anybody looks at it; the barrier keeps it that way.
    let difference = left.iter().zip(right).fold(0u8, |seen, (a, b)| seen | (a ^ b));
    std::hint::black_box(difference) == 0
}

/// `char_count` random letters and digits, each of 62 equally likely ones.
pub(crate) fn random_text(char_count: usize) -> Result<String, AccessError> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(char_count);
    let mut bytes = [0; 64];
    while text.len() < char_count {
        getrandom::fill(&mut bytes).map_err(AccessError::Randomness)?;
        // 248 is the largest multiple of 62 below 256: taking a byte above it would prefer the first letters.
        let fair = bytes.iter().filter(|&&b| b < 248).map(|&b| char::from(LETTERS[usize::from(b % 62)]));
        text.extend(fair.take(char_count - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter2").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(Secret::new("").is_err() && Secret::new("a b").is_err());
    }

    #[test]
    fn random_texts_differ_and_have_the_length_asked_for() {
        let (one, other) = (random_text(30).unwrap(), random_text(30).unwrap());
        assert_ne!(one, other);
        assert!(one.len() == 30 && one.bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn comparing_finds_any_difference() {
        assert!(equal(b"", b"") && equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd") && !equal(b"abc", b"bbc") && !equal(b"abc", b"ab"));
    }
}
