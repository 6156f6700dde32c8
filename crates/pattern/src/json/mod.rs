//! JSON text: the tree a pattern is read into, and what reading patterns and walking events share.
//!
//! Number literals are kept as they are written, because the language compares them as text.

mod text;
mod tree;

pub(crate) use text::{compact, is_number, unescape};
pub(crate) use tree::{Json, Members, Problem, parse};
