//! Blobs: immutable content, named by its SHA-256. Function code lives here.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::StoreFuture;

/// The SHA-256 of a blob; its text is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let bytes = text.as_bytes();
        let mut digest = [0; 32];
        if bytes.len() != 64 {
            return Err(NotADigest);
        }
        for (byte, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
            *byte =
                digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or(NotADigest)?;
        }
        Ok(Self(digest))
    }
}

/// Content by digest.
pub trait Blobs: Send + Sync + 'static {
    /// Stores content. Storing the same content twice is one blob.
    fn put(&self, content: Bytes) -> StoreFuture<'_, Digest>;

    /// The content, checked against its digest; [`StoreError::NotFound`](crate::StoreError::NotFound) without it.
    fn get(&self, digest: &Digest) -> StoreFuture<'_, Bytes>;

    /// Deletes a blob. `Ok(false)` when there was none.
    fn delete(&self, digest: &Digest) -> StoreFuture<'_, bool>;

    /// The digests of all blobs, for finding those that nothing refers to.
    fn list(&self) -> StoreFuture<'_, Vec<Digest>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_its_text() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        assert_eq!("E3".parse::<Digest>(), Err(NotADigest));
    }
}
