//! What can be wrong with a pattern.

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is no pattern: the text is empty, white space or `null`.
    #[error("the pattern is empty; a pattern that matches every event is `{{}}`")]
    Empty,
    /// The text is longer than [`PatternOptions::length_max`](crate::PatternOptions::length_max).
    #[error("the pattern has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// The length of the text, in characters.
        length: usize,
        /// The greatest length allowed, in characters.
        limit: usize,
    },
    /// The text breaks a rule of the pattern language.
    #[error("{fault} (at `{path}`)")]
    Schema {
        /// Where, as a JSON path into the pattern, such as `$.data.state[1].prefix`.
        path: String,
        /// What is wrong there.
        fault: Fault,
    },
}

/// What is wrong at one place of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is not JSON.
    #[error("the pattern is not a valid JSON string: {problem} at byte {offset}")]
    NotJson {
        /// What the reader of the text stumbled over.
        problem: &'static str,
        /// Where in the text, in bytes from its start.
        offset: usize,
    },
    /// The pattern is JSON, but not an object.
    #[error("the pattern should be a JSON object, not {found}")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// `data` names something other than an object.
    #[error("the data pattern should be a JSON object of fields, not {found}")]
    DataNotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// A sub-pattern without a key.
    #[error("the data pattern has no key: an empty object matches nothing")]
    EmptySubPattern,
    /// A field whose value is not an array.
    #[error(
        "the pattern value of a field should be an array of conditions, not {found}; write `[…]` around it"
    )]
    FieldNotAnArray {
        /// What it is instead.
        found: &'static str,
    },
    /// An object below a top-level attribute other than `data`.
    #[error("nested pattern value isn't supported here: only `data` has fields of its own")]
    NestedOutsideData,
    /// A field without any condition.
    #[error("the array of conditions is empty, so nothing could match")]
    NoConditions,
    /// An array among the conditions of a field.
    #[error(
        "nested pattern value isn't supported: a condition is a plain value or an object of operators, not an array"
    )]
    NestedArray,
    /// An object of operators without any.
    #[error("the pattern condition is empty: it names no operator")]
    NoOperator,
    /// An operator nobody knows.
    #[error(
        "the pattern condition is unrecognized: there is no operator `{operator}`; known are prefix, suffix, contains, \
         anything-but, numeric, cidr, exists, wildcard and equals-ignore-case"
    )]
    UnknownOperator {
        /// The name that was found, at most 64 characters of it.
        operator: String,
    },
    /// Something that only strict mode refuses.
    #[error("{what} is an extension, which strict mode refuses")]
    Extension {
        /// The extension.
        what: &'static str,
    },
    /// An operand of the wrong type.
    #[error("invalid pattern value: `{operator}` takes {expected}, not {found}")]
    Operand {
        /// The operator.
        operator: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// An empty string as operand.
    #[error("invalid pattern value: `{operator}` takes a non-empty string")]
    EmptyOperand {
        /// The operator.
        operator: &'static str,
    },
    /// An empty list as operand.
    #[error("invalid pattern value: the list of `{operator}` is empty")]
    EmptyList {
        /// The operator.
        operator: &'static str,
    },
    /// An object below `anything-but` with no or several members.
    #[error(
        "the pattern condition is unrecognized: an object in `anything-but` names exactly one operator, not {found}"
    )]
    AnythingButOperators {
        /// How many there are.
        found: usize,
    },
    /// An object below `anything-but` with an operator that cannot stand there.
    #[error(
        "the pattern condition is unrecognized: `anything-but` knows prefix, suffix, contains, wildcard and \
         equals-ignore-case, not `{operator}`"
    )]
    AnythingButOperator {
        /// The name that was found, at most 64 characters of it.
        operator: String,
    },
    /// A `numeric` list that is neither one comparison nor two.
    #[error(
        "invalid pattern value: `numeric` takes one or two comparisons, [operator, number] or twice that, not {found} elements"
    )]
    NumericLength {
        /// How many elements there are.
        found: usize,
    },
    /// A comparison nobody knows.
    #[error("the numeric operator is not supported: known are =, !=, >, >=, < and <=")]
    NumericOperator,
    /// A number outside the range of `numeric`.
    #[error("the numeric value must be between -1.0E9 and 1.0E9 inclusive")]
    NumericRange,
    /// Not an address block.
    #[error("invalid pattern value: `cidr` takes an address block such as 10.0.0.0/24, or one address")]
    Cidr,
    /// A backslash in a `wildcard` that escapes nothing.
    #[error(
        "invalid pattern value: in `wildcard` a backslash may stand only before `*` or another backslash"
    )]
    WildcardEscape,
    /// An `$or` without a choice.
    #[error("`$or` needs at least two alternatives, not {found}")]
    TooFewAlternatives {
        /// How many there are.
        found: usize,
    },
    /// An alternative of `$or` without a key.
    #[error("an alternative of `$or` has no key, so it would match everything")]
    EmptyAlternative,
    /// Too many operator objects in a field.
    #[error("the field has {found} operator objects, at most {limit} are allowed")]
    TooManyOperators {
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Sub-patterns within each other beyond the limit.
    #[error("the pattern is nested deeper than {limit} levels")]
    TooDeep {
        /// How many levels are allowed.
        limit: usize,
    },
}
