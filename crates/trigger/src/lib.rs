//! Triggers of functions.
//!
//! A trigger is nothing but a way to write a rule: its configuration is compiled to one, and the buses do the rest.
//! The trigger's document is the truth. Its rule is made from it, and can be made again at any time: that is what
//! happens at start, so that a crash between the two leaves nothing behind.

mod compile;
mod document;
mod error;
mod trigger;
mod triggers;

pub use error::TriggerError;
pub use trigger::{NewTrigger, RuleOrigin, Trigger, TriggerKind, TriggerUpdate};
pub use triggers::{TriggerOptions, Triggers, TriggersParts};
