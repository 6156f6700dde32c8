//! What came back from a target.

use std::time::Duration;

use bytes::Bytes;

/// How an attempt at a target ended.
#[derive(Clone, Debug)]
pub struct TargetAnswer {
    /// Success or kind of failure.
    pub verdict: Verdict,
    /// What was answered in short, such as `[200]Ok`.
    pub answer: String,
    /// How long the target asked to be left alone, if it did.
    pub retry_after: Option<Duration>,
    /// Of a function: the error type that the platform reports, such as `UnhandledInvocationError`.
    pub function_error: Option<String>,
    /// Of a function: what it returned.
    pub response: Bytes,
    /// Of a function: what it logged; at most 4 KiB.
    pub log: Option<String>,
}

/// Whether an attempt succeeded, and what follows when it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target has taken the event.
    Succeeded,
    /// It failed; another attempt may succeed.
    Failed,
    /// Another attempt cannot succeed, such as at a function that does not exist, or is not wanted.
    Impossible,
    /// There was no room now, on our side. This does not count as an attempt.
    Throttled,
}

/// What follows when a target over HTTP finds fault with the request: a 4xx, but for those that ask for patience
/// (408, 425 and 429).
///
/// The documents exempt no answer from the retries of a rule, and do not say what the cloud does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientErrors {
    /// Another attempt, as after any other failure: what the owner of a target mends today was wrong yesterday.
    #[default]
    Retried,
    /// Nothing: the delivery is given up.
    Final,
}

impl TargetAnswer {
    /// An answer that is nothing but a verdict and a text.
    pub fn new(verdict: Verdict, answer: impl Into<String>) -> Self {
        Self {
            verdict,
            answer: answer.into(),
            retry_after: None,
            function_error: None,
            response: Bytes::new(),
            log: None,
        }
    }
}
