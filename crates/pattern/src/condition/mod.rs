//! What a pattern can demand of a single value.

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
pub(crate) use numeric::{Comparison, Comparisons, Operator, RANGE};
pub(crate) use text::TextTest;
pub(crate) use wildcard::Wildcard;
