//! Whether what the code demands holds for an event.

use super::read::{Choice, Code, Condition, Entry, Item, Operators, Test};
use crate::condition::Scalar;
use crate::event::{Fields, Value};
use crate::trie::NodeId;

impl Code<'_> {
    /// Says whether everything holds for these fields; `nodes` tells where the paths are among them.
    #[inline]
    pub(crate) fn holds(self, fields: &Fields<'_>, nodes: &[NodeId]) -> bool {
        self.items().all(|item| match item {
            Item::Condition(condition) => condition.holds_for(fields.get(nodes[condition.path as usize])),
            Item::Choice(choice) => choice.holds(fields, nodes),
        })
    }
}

impl Choice<'_> {
    /// As deep as the pattern is nested at most, which is bounded.
    fn holds(self, fields: &Fields<'_>, nodes: &[NodeId]) -> bool {
        self.alternatives().any(|group| group.holds(fields, nodes))
    }
}

impl Condition<'_> {
    /// Says whether the condition holds for a field with this value.
    #[inline]
    pub(crate) fn holds_for(self, value: Value<'_>) -> bool {
        match value {
            Value::Scalar(scalar) => self.entries().any(|entry| entry.holds_for(scalar)),
            Value::Missing => !self.needs_presence(),
            Value::Object => self.entries().any(|entry| matches!(entry, Entry::Present)),
            Value::Array(elements) => self.entries().any(|entry| {
                matches!(entry, Entry::Present) || elements.iter().any(|scalar| entry.holds_for(scalar))
            }),
        }
    }

    /// Says whether the condition can hold only for events that have the field.
    pub(crate) fn needs_presence(self) -> bool {
        !self.entries().any(|entry| matches!(entry, Entry::Absent))
    }
}

impl Entry<'_> {
    /// Says whether the entry holds for a field with this value, or with this element in its array.
    #[inline]
    fn holds_for(self, scalar: Scalar<'_>) -> bool {
        match self {
            Entry::Equals(literal) => literal.equals(scalar),
            Entry::Operators(operators) => operators.hold_for(scalar),
            Entry::Present => true,
            Entry::Absent => false,
        }
    }
}

impl Operators<'_> {
    fn hold_for(self, scalar: Scalar<'_>) -> bool {
        self.tests().all(|test| test.holds_for(scalar))
    }
}

impl Test<'_> {
    #[inline]
    fn holds_for(self, scalar: Scalar<'_>) -> bool {
        match (self, scalar) {
            (Test::Prefix(start), Scalar::String(text)) => text.starts_with(start),
            (Test::Suffix(end), Scalar::String(text)) => text.ends_with(end),
            (Test::Text(test), Scalar::String(text)) => test.holds_for(text),
            (Test::Block(block), Scalar::String(text)) => block.contains(text),
            (Test::Prefix(_) | Test::Suffix(_) | Test::Text(_) | Test::Block(_), _) => false,
            (Test::Numeric(comparisons), Scalar::Number(literal)) => comparisons.hold_for(literal),
            (Test::Numeric(_), _) => false,
            (Test::NotEqual(literals), scalar) => !literals.iter().any(|literal| literal.equals(scalar)),
            (Test::NotText(tests), Scalar::String(text)) => !tests.iter().any(|test| test.holds_for(text)),
            (Test::NotText(_), Scalar::Null | Scalar::Bool(_) | Scalar::Number(_)) => true,
            (Test::Never, _) => false,
        }
    }
}
