//! The seam to functions: how a delivery calls one, and what comes back.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_model::{FunctionName, InvocationId, Qualifier};

/// One attempt to call a function.
#[derive(Clone, Debug)]
pub struct FunctionCall {
    /// The function.
    pub function: FunctionName,
    /// Which version of it.
    pub qualifier: Qualifier,
    /// What the handler receives.
    pub payload: Bytes,
    /// The id under which the function sees and logs this call.
    pub invocation: InvocationId,
    /// Whether to wait for the end.
    pub mode: InvocationMode,
    /// How many attempts have failed before this one.
    pub failed: u32,
}

/// Whether the caller waits for a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationMode {
    /// The call ends with the function's result.
    Sync,
    /// The call ends when the invocation is durable; what follows is the business of the function's own settings.
    Async,
}

/// How a call of a function ended.
#[derive(Clone, Debug)]
pub struct FunctionAnswer {
    /// Success or kind of failure.
    pub verdict: Verdict,
    /// What was answered in short, such as `[200]Ok`.
    pub answer: String,
    /// The error type that the platform reports, such as `UnhandledInvocationError`.
    pub function_error: Option<String>,
    /// What the function returned.
    pub response: Bytes,
    /// What it logged; at most 4 KiB.
    pub log: Option<String>,
}

/// Whether a call succeeded, and what a caller should do when it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The function ran to its end.
    Succeeded,
    /// It failed; another attempt may succeed.
    Failed,
    /// It cannot be called; another attempt cannot succeed.
    Impossible,
    /// There was no room to run it now. This does not count as an attempt.
    Throttled,
}

/// What runs functions, as the deliveries see it.
pub trait FunctionCaller: Send + Sync + 'static {
    /// Makes one attempt. Never retries by itself. Dropping the future cancels the run.
    fn call(&self, call: FunctionCall) -> BoxFuture<'_, FunctionAnswer>;
}
