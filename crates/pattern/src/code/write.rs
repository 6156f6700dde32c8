//! Writes code while a pattern is read.

use std::ops::Range;

use super::items::ItemsWriter;
use super::{Aside, Kind};
use crate::condition::{Block, Comparison, Comparisons, Decimal, Operator, Scalar, TextTest};
use crate::options::Equality;
use crate::paths::PathId;

/// Writes the code of one pattern.
#[derive(Debug, Default)]
pub(crate) struct CodeWriter {
    items: ItemsWriter,
    aside: Vec<Aside>,
    spans: Vec<Range<usize>>,
}

/// An item whose content is being written; see [`CodeWriter::finish`].
#[must_use]
pub(crate) struct Open(usize);

/// What was written.
pub(crate) struct Written {
    pub(crate) code: Vec<u8>,
    pub(crate) aside: Vec<Aside>,
    /// Where in the text of the pattern the entries of each condition stand, by the condition's number.
    pub(crate) spans: Vec<Range<usize>>,
}

impl CodeWriter {
    pub(crate) fn written(self) -> Written {
        Written { code: self.items.0, aside: self.aside, spans: self.spans }
    }

    /// Starts a condition on `path`, whose entries stand at `span` in the text of the pattern and are written next.
    pub(crate) fn start_condition(&mut self, path: PathId, span: Range<usize>) -> Open {
        let open = Open(self.items.start(Kind::Condition));
        let number = u32::try_from(self.spans.len()).expect("a pattern has fewer conditions than 2^32 bytes");
        self.items.number(path);
        self.items.number(number);
        self.spans.push(span);
        open
    }

    /// Starts a choice that stands in the object at `within`, or in the event. Its alternatives are written next.
    pub(crate) fn start_choice(&mut self, within: Option<PathId>) -> Open {
        let open = Open(self.items.start(Kind::Choice));
        self.items.number(within.unwrap_or(PathId::MAX));
        open
    }

    /// Starts an alternative. Its conditions and choices are written next.
    pub(crate) fn start_alternative(&mut self) -> Open {
        Open(self.items.start(Kind::Alternative))
    }

    /// Starts an entry of operators. Its tests are written next.
    pub(crate) fn start_operators(&mut self) -> Open {
        Open(self.items.start(Kind::Operators))
    }

    /// Starts a test for values that equal none of some literals, which are written next.
    pub(crate) fn start_not_equal(&mut self) -> Open {
        Open(self.items.start(Kind::NotEqual))
    }

    /// Ends an item and its content.
    pub(crate) fn finish(&mut self, open: Open) {
        self.items.finish(open.0);
    }

    /// Writes a plain value of the pattern, to be compared as `equality` has it.
    pub(crate) fn literal(&mut self, scalar: Scalar<'_>, equality: Equality) {
        match (equality, scalar) {
            (_, Scalar::Null) => self.items.whole(Kind::Null, b""),
            (Equality::Lexical, Scalar::Bool(_) | Scalar::Number(_) | Scalar::String(_)) => {
                self.items.whole(Kind::Text, scalar.text().unwrap_or_default());
            }
            (Equality::Numeric, Scalar::String(text)) => self.items.whole(Kind::String, text),
            (Equality::Numeric, Scalar::Bool(true)) => self.items.whole(Kind::True, b""),
            (Equality::Numeric, Scalar::Bool(false)) => self.items.whole(Kind::False, b""),
            (Equality::Numeric, Scalar::Number(literal)) => self.aside(Aside::Number(Decimal::new(literal))),
        }
    }

    /// Writes an entry that holds if the field is there, or if it is not.
    pub(crate) fn exists(&mut self, expected: bool) {
        self.items.whole(if expected { Kind::Present } else { Kind::Absent }, b"");
    }

    /// Writes a test that nothing passes.
    pub(crate) fn never(&mut self) {
        self.items.whole(Kind::Never, b"");
    }

    pub(crate) fn text_test(&mut self, test: TextTest) {
        match test {
            TextTest::Prefix(text) => self.items.whole(Kind::Prefix, &text),
            TextTest::Suffix(text) => self.items.whole(Kind::Suffix, &text),
            other => self.aside(Aside::Text(other)),
        }
    }

    pub(crate) fn not_text(&mut self, tests: Vec<TextTest>) {
        self.aside(Aside::NotText(tests.into()));
    }

    pub(crate) fn numeric(&mut self, Comparisons(first, second): Comparisons) {
        let open = self.items.start(Kind::Numeric);
        for Comparison { operator, operand } in [first].into_iter().chain(second) {
            self.items.0.push(operator_number(operator));
            self.items.0.extend_from_slice(&operand.to_le_bytes());
        }
        self.items.finish(open);
    }

    pub(crate) fn block(&mut self, block: Block) {
        match block {
            Block::V4 { network, mask } => {
                self.items.whole(Kind::BlockV4, &[network.to_le_bytes(), mask.to_le_bytes()].concat());
            }
            Block::V6 { network, mask } => {
                self.items.whole(Kind::BlockV6, &[network.to_le_bytes(), mask.to_le_bytes()].concat());
            }
        }
    }

    fn aside(&mut self, aside: Aside) {
        let position = u32::try_from(self.aside.len()).expect("a pattern has fewer tests than 2^32 bytes");
        self.aside.push(aside);
        self.items.whole(Kind::Aside, &position.to_le_bytes());
    }
}

fn operator_number(operator: Operator) -> u8 {
    match operator {
        Operator::Equal => 0,
        Operator::NotEqual => 1,
        Operator::Greater => 2,
        Operator::GreaterOrEqual => 3,
        Operator::Less => 4,
        Operator::LessOrEqual => 5,
    }
}

/// The operator that `operator_number` wrote.
pub(super) fn operator_of(number: u8) -> Operator {
    match number {
        0 => Operator::Equal,
        1 => Operator::NotEqual,
        2 => Operator::Greater,
        3 => Operator::GreaterOrEqual,
        4 => Operator::Less,
        _ => Operator::LessOrEqual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_read_as_they_were_written() {
        for name in ["=", "!=", ">", ">=", "<", "<="] {
            let operator = Operator::named(name).unwrap();
            assert_eq!(operator_of(operator_number(operator)), operator);
        }
    }
}
