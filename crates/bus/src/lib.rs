//! Buses, rules and their targets: accept an event, match it, commit it with what it owes to whom.
//!
//! The rules of a bus are one index in memory. An event is matched when it is accepted, and stored together with one
//! delivery for each matched target in one durable write; only then is its producer answered. An event that matches
//! nothing is stored for tracing alone.
//!
//! This crate knows neither HTTP nor what a target does: [`kulkul_delivery`] tries the targets.

mod accept;
mod buses;
mod document;
mod error;
mod hub;
mod operation;
mod rule;
mod rules;
mod subscription;
mod targets;
mod traces;

pub use accept::{Acceptance, Prepared};
pub use error::{AcceptError, BusError};
pub use hub::{BusInfo, Hub, HubOptions, HubParts};
pub use operation::{Operation, Operator, Service, Telling};
pub use rule::{NewRule, Owner, Rule, RuleStatus, RuleUpdate, queue_of};
pub use rules::RulePage;
