//! Runs functions: starts copies of them, reuses them, and stops them.
//!
//! An *instance* is one running copy of one revision of a function: a process that waits for requests. [`Instances`]
//! finds a free one or starts one, sends it the event, and gives back what it answered, together with what it printed
//! and used. Python instances are forked from a warmed interpreter, other ones are started directly; built-in runtimes
//! speak frames over a Unix socket ([`frame`]), custom ones HTTP.
//!
//! The crate knows nothing of the API, of stores, of triggers or of where code comes from.

mod builtin;
mod call;
mod config;
mod connection;
mod custom;
mod document;
mod environment;
mod error;
pub mod frame;
mod http_link;
mod instances;
mod interpreter;
mod isolation;
mod launcher;
mod log;
mod memory;
mod output;
mod pool;
mod report;
mod spec;
mod start;
mod zygote;

pub use call::{Call, Completed, FunctionError, FunctionErrorKind, InstanceId, LogTail, MemoryUse, Start};
pub use config::{InstancesConfig, IsolationConfig, RuntimeChoice, Wish};
pub use error::InvokeError;
pub use instances::{InstanceInfo, InstanceState, Instances};
pub use interpreter::{Choice, Fit, Interpreters, Language, Version};
pub use isolation::{Isolation, Layer, LayerState};
pub use log::{Discard, LogLine, LogSink};
pub use spec::{Credentials, CustomSettings, HealthCheck, Hook, InstanceSpec, RevisionId};
