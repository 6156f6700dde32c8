//! Event patterns: what a rule demands of an event, and which of many patterns an event matches.
//!
//! A [`Pattern`] is read from its JSON text once and then asked about events, which are JSON texts too: the bytes of
//! an event are walked over once, no tree is built, and only what the pattern looks at is read closely. An [`Index`]
//! asks many patterns at the price of a few. A pattern also [explains](Pattern::explain) its verdict.
//!
//! The language is that of EventBridge with some extensions; `PatternOptions` chooses between its open points.
//! This crate knows nothing of rules, and it neither waits nor reads nor writes.

mod chunks;
mod code;
mod condition;
mod error;
mod event;
mod explain;
mod index;
mod json;
mod options;
mod parse;
mod path;
mod paths;
mod pattern;
mod table;
mod trie;

pub use error::{Fault, PatternError};
pub use explain::{AlternativeFinding, ChoiceFinding, Explanation, FieldFinding, Finding, FoundValue};
pub use index::{Index, IndexLimits, IndexStats, InsertError, SharedIndex};
pub use options::{DEPTH_LIMIT, Equality, PatternOptions};
pub use pattern::Pattern;
