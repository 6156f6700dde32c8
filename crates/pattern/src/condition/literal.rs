//! Plain values of a pattern and the scalars of an event they are compared with.

use super::decimal::Decimal;
use crate::options::Equality;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Null,
    /// Lexical: equals everything that has this text.
    Text(Box<[u8]>),
    /// Numeric: equals the same string.
    String(Box<[u8]>),
    /// Numeric: equals numbers of the same value.
    Number(Decimal),
    /// Numeric: equals the same boolean.
    Bool(bool),
}

impl Literal {
    /// Makes `scalar`, a value of a pattern, ready for `equality`. A number must be a valid JSON literal.
    pub(crate) fn new(scalar: Scalar<'_>, equality: Equality) -> Self {
        match (equality, scalar) {
            (_, Scalar::Null) => Literal::Null,
            (Equality::Lexical, Scalar::Bool(_) | Scalar::Number(_) | Scalar::String(_)) => {
                Literal::Text(scalar.text().unwrap_or_default().into())
            }
            (Equality::Numeric, Scalar::Bool(value)) => Literal::Bool(value),
            (Equality::Numeric, Scalar::Number(literal)) => Literal::Number(Decimal::new(literal)),
            (Equality::Numeric, Scalar::String(text)) => Literal::String(text.into()),
        }
    }

    /// Says whether the event's `scalar` equals this value.
    pub(crate) fn equals(&self, scalar: Scalar<'_>) -> bool {
        match (self, scalar) {
            (Literal::Text(text), scalar) => scalar.text() == Some(text),
            (Literal::Null, scalar) => scalar == Scalar::Null,
            (Literal::String(text), Scalar::String(found)) => **text == *found,
            (Literal::Number(number), Scalar::Number(literal)) => number.equals(literal),
            (Literal::Bool(value), Scalar::Bool(found)) => *value == found,
            (Literal::String(_) | Literal::Number(_) | Literal::Bool(_), _) => false,
        }
    }
}
