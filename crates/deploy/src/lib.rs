//! What the commands of a developer do, through the public API: functions and triggers, buses and rules, and a whole
//! file of them at once.
//!
//! Everything that needs no server is pure and checked first: a selection becomes a pattern, a directory becomes a
//! zip. This crate knows nothing of how a server does its part.

pub mod apply;
pub mod buckets;
pub mod buses;
pub mod functions;
pub mod manifest;
mod package;
pub mod rules;
mod selection;
pub mod triggers;

pub use package::{PackageError, SingleFile, pack, pack_all};
pub use selection::{Selection, SelectionError, check_pattern, scalar};
