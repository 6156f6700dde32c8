//! Asynchronous invocations: accepted durably, run later, tried again, and reported.
//!
//! An accepted invocation is a record of the log `invocations` with one delivery on the queue of its function and
//! qualifier. Everything else is what deliveries do anyway: leases, attempts, waits, dead letters.

mod accept;
mod config;
mod configs;
mod destination;
mod document;
mod queues;

pub(crate) use accept::TasksInAcceptance;
pub use accept::{AcceptedInvocation, AsyncOptions, Cause};
pub use config::{AsyncConfig, AsyncConfigPatch, Destinations};
pub(crate) use configs::AsyncConfigs;
