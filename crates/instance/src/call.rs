//! One invocation: what goes in, what comes out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{Qualifier, RequestId, Timestamp};

/// One call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    /// Names the invocation, in the context, the logs and the reply.
    pub request_id: RequestId,
    /// What the caller wrote to choose the version.
    pub qualifier: Qualifier,
    /// The event, unchanged.
    pub payload: Bytes,
    /// Whether the caller wants the end of the log.
    pub log_tail: LogTail,
    /// 0 for the first attempt, then counting up.
    pub retry_count: u32,
}

/// Whether a reply carries the end of the invocation's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogTail {
    /// It does not.
    #[default]
    None,
    /// It does; not available for instances that serve several requests at once.
    Tail,
}

/// An invocation that ran, well or badly.
#[derive(Clone, Debug)]
pub struct Completed {
    /// What the function returned, or how it failed.
    pub outcome: Result<Bytes, FunctionError>,
    /// How long the function ran, start of an instance not included.
    pub duration: Duration,
    /// The most memory that the instance has used so far.
    pub memory_max: MemoryUse,
    /// The instance that ran it.
    pub instance: InstanceId,
    /// Whether an instance had to be started for it.
    pub start: Start,
    /// The end of the log and the summary, when asked for.
    pub log_tail: Option<String>,
}

/// Whether an invocation found an instance or had to wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// An instance was started for it, which took this long.
    Cold(Duration),
    /// It ran in an instance that was there.
    Warm,
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryUse {
    /// Kibibytes.
    pub kib: u64,
}

impl MemoryUse {
    /// In the unit of the API's headers and logs: MB of 1024 * 1024 bytes.
    pub fn megabytes(self) -> f64 {
        self.kib as f64 / 1024.0
    }
}

/// A failure of the function itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// Who noticed.
    pub kind: FunctionErrorKind,
    /// The JSON report, in the form of the runtime.
    pub report: Bytes,
}

/// The kinds of function errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionErrorKind {
    /// The function reported it.
    Handled,
    /// An exception nobody caught.
    Unhandled,
    /// The process ended before it answered, or its time did. The wire has no word of its own for it.
    InstanceLost,
    /// The initializer failed.
    Initialization,
}

impl FunctionErrorKind {
    /// The value of the header `X-Fc-Error-Type`. Source: Function Compute 2023-03-30, `InvokeFunction`.
    pub fn header_value(self) -> &'static str {
        match self {
            FunctionErrorKind::Handled => "HandledInvocationError",
            FunctionErrorKind::Unhandled | FunctionErrorKind::InstanceLost => "UnhandledInvocationError",
            FunctionErrorKind::Initialization => "InitializationError",
        }
    }
}

impl fmt::Display for FunctionErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.header_value())
    }
}

/// The id of an instance: `c-<8 hex: unix seconds>-<8 hex>-<12 hex>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Makes a new one; `now` goes into its text.
    pub(crate) fn new(now: Timestamp) -> Self {
        let random = uuid::Uuid::new_v4().as_u128();
        let (middle, last) = ((random >> 96) as u32, random as u64 & 0xffff_ffff_ffff);
        Self(format!("c-{:08x}-{middle:08x}-{last:012x}", now.as_secs() & 0xffff_ffff).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
