//! The seams to functions and API destinations: how a delivery calls one.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_model::{ApiDestinationName, FunctionName, InvocationId, Qualifier};

use crate::TargetAnswer;

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

/// What runs functions, as the deliveries see it.
pub trait FunctionCaller: Send + Sync + 'static {
    /// Makes one attempt. Never retries by itself. Dropping the future cancels the run.
    fn call(&self, call: FunctionCall) -> BoxFuture<'_, TargetAnswer>;
}

/// One attempt to call an API destination.
#[derive(Clone, Debug)]
pub struct DestinationCall {
    /// The API destination.
    pub destination: ApiDestinationName,
    /// Headers, beside those of its connection.
    pub headers: Vec<(String, String)>,
    /// Parameters of the query, beside those of its address.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// What calls API destinations, as the deliveries see it.
pub trait DestinationCaller: Send + Sync + 'static {
    /// Makes one attempt.
    fn call(&self, call: DestinationCall) -> BoxFuture<'_, TargetAnswer>;
}
