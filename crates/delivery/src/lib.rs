//! Delivers accepted events to targets, at least once.
//!
//! A delivery is *due* when its time has come and nobody has leased it. The [`Dispatcher`] leases it, tries it, and
//! stores the outcome. Leases save work, they do not prevent duplicates: after a crash an attempt may be made twice,
//! never zero times. Order between deliveries is not kept. Each queue has its own bounded window of memory and its
//! own bound of attempts under way, so that a dead or slow target delays nobody else; what does not fit waits in the
//! store.
//!
//! Nothing here knows of rules or buses: a queue and the [`Plan`] of its target are all it sees. What targets are made
//! of is behind the seams of [`Outside`].

mod answer;
mod attempt;
mod budget;
mod caller;
mod circuit;
mod clock;
mod dead_letter_queue;
mod dead_letters;
mod dispatcher;
mod failure;
mod holds;
mod outside;
mod overdue;
mod policy;
mod preview;
mod queue;
mod redrive;
mod settler;
mod sinks;
mod target;
mod target_state;

pub use answer::{ClientErrors, TargetAnswer, Verdict};
pub use attempt::{answer_of, chain};
pub use caller::{DestinationCall, DestinationCaller, FunctionCall, FunctionCaller, InvocationMode};
pub use circuit::{Circuit, CircuitState};
pub use clock::{Clock, SystemClock, TimerClock};
pub use dead_letters::{
    DeadLetter, DeadLetterCursor, DeadLetterFilter, DeadLetterId, DeadLetterPage, InvalidDeadLetterId, Probe,
    SentAgain,
};
pub use dispatcher::{Dispatcher, DispatcherOptions, Reserved};
pub use failure::Failure;
pub use kulkul_store::Delivery;
pub use outside::{Outside, Pusher};
pub use policy::{ErrorsTolerance, NextStep, Policy, RetryStrategy, after_failure};
pub use preview::{Preview, Previewer};
pub use queue::{LastFailure, QueueState};
pub use redrive::{Redrive, RedriveError, RedriveId, RedriveOrder, RedriveState, Redrives};
pub use sinks::{BusSink, QueueSink, SinkError};
pub use target::{
    BodyEncoding, Call, Ending, Epilogue, ParamForm, Plan, SUPPORTED_KINDS, TargetConfig, TargetError,
    TargetParam,
};
pub use target_state::TargetReport;
