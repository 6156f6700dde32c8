//! Reads from the bytes of an event what somebody looks at, and skips the rest.

mod fields;
mod outline;
mod walk;

pub(crate) use fields::{Fields, Value};
pub(crate) use walk::{Malformed, with_walker};
