//! Ids that the server makes. Each kind is a type of its own, so that two of them cannot be swapped.

use std::fmt;
use std::sync::Arc;

use crate::Timestamp;

/// The id of one call of the Function Compute or object API: `1-<8 hex: unix seconds>-<24 hex>`.
///
/// Source: Function Compute 2023-03-30, the response header `X-Fc-Request-Id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

/// The id of one invocation of a function: the request id of the call that caused it.
pub type InvocationId = RequestId;

/// The id under which the acceptance of one event can be traced: 32 hexadecimal digits, upper case, as a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl RequestId {
    /// Makes a new one; `now` goes into its text.
    pub fn new(now: Timestamp) -> Self {
        let random = uuid::Uuid::new_v4().as_u128() >> 32;
        Self(format!("1-{:08x}-{random:024x}", now.as_secs() & 0xffff_ffff).into())
    }

    /// Takes over an id that a store or another node kept.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TraceId {
    /// Makes a new random one.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u128())
    }

    /// Takes over an id that a store kept.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uuid = uuid::Uuid::from_u128(self.0);
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        f.write_str(uuid.hyphenated().encode_upper(&mut text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_has_the_documented_form() {
        let id = RequestId::new(Timestamp::from_millis(0x64f7_449a * 1000));
        let parts: Vec<&str> = id.as_str().split('-').collect();
        assert_eq!((parts[0], parts[1], parts[2].len()), ("1", "64f7449a", 24));
    }
}
