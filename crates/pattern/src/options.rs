//! The settings a pattern is read with.

/// How a plain value of a pattern is compared with a value of the event.
///
/// The documentation of the cloud leaves numbers open; an older edition says that numbers are compared as strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Equality {
    /// The texts are compared, also across types: `300` and `300.0` differ, `80` equals `"80"` and `true` equals
    /// `"true"`. `null` equals only `null`.
    #[default]
    Lexical,
    /// The types must agree and numbers are compared by value, exactly: `300` equals `3.0e2`, `80` differs from `"80"`.
    Numeric,
}

/// The settings a pattern is read with; see [`Pattern::parse`](crate::Pattern::parse).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternOptions {
    /// How plain values are compared.
    pub equality: Equality,
    /// Refuses what the cloud does not know: `wildcard`, `equals-ignore-case`, `$or`, IPv6 blocks and the longer forms
    /// of `anything-but`.
    pub strict: bool,
    /// The greatest length of a pattern, in characters.
    pub length_max: usize,
    /// How many levels of sub-patterns and `$or` may lie within each other; at most [`DEPTH_LIMIT`].
    pub depth_max: usize,
    /// How many operator objects a field may list. Plain values are not counted.
    /// Source: EventBridge, "Event patterns": 5 expressions per field.
    pub operators_max: usize,
}

/// The greatest value that [`PatternOptions::depth_max`] can have; greater values are read as this one.
///
/// It bounds the recursion of reading, matching and explaining.
pub const DEPTH_LIMIT: usize = 64;

impl Default for PatternOptions {
    fn default() -> Self {
        Self {
            equality: Equality::Lexical,
            strict: false,
            length_max: 10_240,
            depth_max: DEPTH_LIMIT,
            operators_max: 5,
        }
    }
}
