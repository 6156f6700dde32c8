//! Conditions on one field: what an entry of a pattern demands of the value it meets.

mod block;
mod decimal;
mod letters;
mod literal;
mod numeric;
mod text;
mod wildcard;

pub(crate) use block::Block;
pub(crate) use decimal::Decimal;
pub(crate) use letters::Folded;
pub(crate) use literal::{Literal, Scalar};
pub(crate) use numeric::{Comparison, Operator, RANGE};
pub(crate) use text::TextTest;
pub(crate) use wildcard::Wildcard;

/// One entry of a field's array. The field holds if any of its entries does.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A plain value: some scalar of the field equals it.
    Equals(Literal),
    /// An object of operators, all of which must hold.
    Operators(Operators),
}

/// The operators of one object.
#[derive(Debug)]
pub(crate) struct Operators {
    /// What `exists` demands, if it is there.
    pub(crate) exists: Option<bool>,
    /// The others: one scalar of the field must pass all of them.
    pub(crate) tests: Box<[Test]>,
}

/// An operator other than `exists`.
#[derive(Debug)]
pub(crate) enum Test {
    Text(TextTest),
    /// Equals none of these.
    NotEqual(Box<[Literal]>),
    /// Passes none of these.
    NotText(Box<[TextTest]>),
    /// All comparisons hold for the number.
    Numeric(Box<[Comparison]>),
    Cidr(Block),
}

impl Entry {
    /// Says whether the entry holds for a field that the event lacks.
    pub(crate) fn holds_when_missing(&self) -> bool {
        match self {
            Entry::Equals(_) => false,
            Entry::Operators(operators) => operators.exists == Some(false) && operators.tests.is_empty(),
        }
    }

    /// Says whether the entry holds for every field that the event has, whatever its value.
    pub(crate) fn holds_when_present(&self) -> bool {
        match self {
            Entry::Equals(_) => false,
            Entry::Operators(operators) => operators.exists == Some(true) && operators.tests.is_empty(),
        }
    }

    /// Says whether the entry holds for a field with this value, or with this element in its array.
    pub(crate) fn holds_for(&self, scalar: Scalar<'_>) -> bool {
        match self {
            Entry::Equals(literal) => literal.equals(scalar),
            Entry::Operators(operators) => {
                operators.exists != Some(false) && operators.tests.iter().all(|test| test.holds_for(scalar))
            }
        }
    }
}

impl Test {
    fn holds_for(&self, scalar: Scalar<'_>) -> bool {
        match (self, scalar) {
            (Test::Text(test), Scalar::String(text)) => test.holds_for(text),
            (Test::NotEqual(literals), scalar) => !literals.iter().any(|literal| literal.equals(scalar)),
            (Test::NotText(tests), Scalar::String(text)) => !tests.iter().any(|test| test.holds_for(text)),
            (Test::NotText(_), Scalar::Null | Scalar::Bool(_) | Scalar::Number(_)) => true,
            (Test::Numeric(comparisons), Scalar::Number(literal)) => numeric::all_hold(comparisons, literal),
            (Test::Cidr(block), Scalar::String(text)) => block.contains(text),
            (Test::Text(_) | Test::Cidr(_), Scalar::Null | Scalar::Bool(_) | Scalar::Number(_)) => false,
            (Test::Numeric(_), Scalar::Null | Scalar::Bool(_) | Scalar::String(_)) => false,
        }
    }
}
