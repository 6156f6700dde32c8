//! The operator `numeric`: comparisons by value, with a tolerance.

/// How far two numbers may lie apart and still be equal. Source: open-source engine of EventBridge.
const TOLERANCE: f64 = 1e-7;

/// The greatest operand and, negated, the least. Source: EventBridge, "Event patterns".
pub(crate) const RANGE: f64 = 1.0e9;

/// A comparison with a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) operator: Operator,
    pub(crate) operand: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    /// The operator that is written so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "=" => Some(Operator::Equal),
            "!=" => Some(Operator::NotEqual),
            ">" => Some(Operator::Greater),
            ">=" => Some(Operator::GreaterOrEqual),
            "<" => Some(Operator::Less),
            "<=" => Some(Operator::LessOrEqual),
            _ => None,
        }
    }
}

/// One or two comparisons of the same number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparisons(pub(crate) Comparison, pub(crate) Option<Comparison>);

impl Comparisons {
    /// Says whether `literal`, a valid JSON number of the event, passes them all.
    pub(crate) fn hold_for(self, literal: &[u8]) -> bool {
        // A literal too great for a double becomes infinite, which compares rightly with operands in the range.
        let value = std::str::from_utf8(literal).ok().and_then(|text| text.parse::<f64>().ok());
        value.is_some_and(|value| {
            self.0.holds_for(value) && self.1.is_none_or(|comparison| comparison.holds_for(value))
        })
    }
}

impl Comparison {
    fn holds_for(self, value: f64) -> bool {
        let equal = (value - self.operand).abs() < TOLERANCE;
        match self.operator {
            Operator::Equal => equal,
            Operator::NotEqual => !equal,
            Operator::Greater => !equal && value > self.operand,
            Operator::GreaterOrEqual => equal || value > self.operand,
            Operator::Less => !equal && value < self.operand,
            Operator::LessOrEqual => equal || value < self.operand,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_of_less_equal_and_greater_holds() {
        for (value, expected) in [
            ("4.9", [true, false, false]),
            ("5.00000001", [false, true, false]),
            ("1e999", [false, false, true]),
        ] {
            let held = [Operator::Less, Operator::Equal, Operator::Greater].map(|operator| {
                Comparisons(Comparison { operator, operand: 5.0 }, None).hold_for(value.as_bytes())
            });
            assert_eq!(held, expected, "{value}");
            let negated =
                [Operator::GreaterOrEqual, Operator::NotEqual, Operator::LessOrEqual].map(|operator| {
                    !Comparisons(Comparison { operator, operand: 5.0 }, None).hold_for(value.as_bytes())
                });
            assert_eq!(negated, expected, "{value}");
        }
    }
}
