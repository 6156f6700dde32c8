//! Plain values of a pattern and the scalars of an event they are compared with.

use super::decimal::Decimal;

/// A value of the event that is neither an array nor an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// The literal as written.
    Number(&'a [u8]),
    /// The characters, without quotes and escapes.
    String(&'a [u8]),
}

impl<'a> Scalar<'a> {
    /// What lexical equality compares; `null` has no text, for it equals only `null`.
    #[inline]
    pub(crate) fn text(self) -> Option<&'a [u8]> {
        match self {
            Scalar::Null => None,
            Scalar::Bool(true) => Some(b"true"),
            Scalar::Bool(false) => Some(b"false"),
            Scalar::Number(text) | Scalar::String(text) => Some(text),
        }
    }
}

/// A plain value of a pattern, made ready for its kind of equality.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Literal<'a> {
    Null,
    /// Lexical: equals everything that has this text.
    Text(&'a [u8]),
    /// Numeric: equals the same string.
    String(&'a [u8]),
    /// Numeric: equals the same boolean.
    Bool(bool),
    /// Numeric: equals numbers of the same value.
    Number(&'a Decimal),
}

impl Literal<'_> {
    /// Says whether the event's `scalar` equals this value.
    #[inline]
    pub(crate) fn equals(self, scalar: Scalar<'_>) -> bool {
        match (self, scalar) {
            (Literal::Text(text), Scalar::String(found) | Scalar::Number(found)) => text == found,
            (Literal::Text(text), scalar) => scalar.text() == Some(text),
            (Literal::Null, scalar) => scalar == Scalar::Null,
            (Literal::String(text), Scalar::String(found)) => text == found,
            (Literal::Number(number), Scalar::Number(literal)) => number.equals(literal),
            (Literal::Bool(value), Scalar::Bool(found)) => value == found,
            (Literal::String(_) | Literal::Number(_) | Literal::Bool(_), _) => false,
        }
    }
}
