//! Buses, rules and their targets: accept an event, match it, commit it with what it owes to whom.
//!
//! The rules of a bus are one index in memory. An event is matched when it is accepted, and stored together with one
//! delivery for each matched target in one durable write; only then is its producer answered. An event that matches
//! nothing is stored for tracing alone.
//!
//! This crate knows neither HTTP nor what a target does: [`kulkul_delivery`] tries the targets.

mod accept;
mod buses;
mod dedup;
mod document;
mod dry_run;
mod error;
mod explain;
mod forward;
mod hub;
mod log_name;
mod operation;
mod replay;
mod rule;
mod rules;
mod search;
mod subscription;
mod targets;
mod traces;

pub use accept::{Acceptance, Prepared};
pub use buses::RESERVED_PREFIX;
pub use dedup::{DeduplicationWindow, InvalidWindow};
pub use dry_run::{DryChange, DryPayload, DryRun, DrySample, NewDryRun};
pub use error::{AcceptError, BusError, ReplayError};
pub use explain::{Explained, RuleVerdict, RulesAsked};
pub use hub::{BusInfo, BusSettings, Hub, HubOptions, HubParts};
pub use operation::{Operation, Operator, Service, Telling};
pub use replay::{NewReplay, Progress, REPLAY_ATTRIBUTE, Replay, ReplayId, ReplayState, ReplayTo};
pub use rule::{NewRule, Owner, Rule, RuleStatus, RuleUpdate, queue_of, rule_and_target, target_of};
pub use rules::RulePage;
pub use search::{EventPage, EventQuery, EventStatus, FoundEvent, NotAStatus};
