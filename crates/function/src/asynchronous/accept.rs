//! Accepting an asynchronous invocation.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{FunctionName, InvocationId, Qualifier, TraceId};
use kulkul_store::{LogName, NewRecord, Record, RecordKey, Route, TraceFilter};

use super::queues::queue_of;
use crate::change::to_its_end;
use crate::error::invalid;
use crate::invoke::check_size;
use crate::{FunctionError, Functions, InvokeFunctionError};

/// What a caller says beside function and payload.
#[derive(Clone, Debug)]
pub struct AsyncOptions {
    /// The id under which the function sees and logs every attempt.
    pub invocation: InvocationId,
    /// The id that the caller chose (wire: `X-Fc-Async-Task-Id`); accepted once for each function.
    pub task_id: Option<String>,
    /// How long to wait before the first attempt, in seconds (wire: `X-Fc-Async-Delay`).
    pub delay_secs: Option<i64>,
    /// Who wants it.
    pub cause: Cause,
}

/// Why a function is invoked. How an invocation ends is an event only when no event caused it: otherwise each event
/// would make another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A caller of the API.
    Call,
    /// A delivery, or the end of another invocation.
    Delivery,
}

/// An invocation that is durable and will be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedInvocation {
    /// Its id.
    pub id: InvocationId,
    /// The id that the caller chose, else the invocation's.
    pub task_id: String,
}

/// Source: Function Compute, "Asynchronous invocation": whole seconds, above 0 and below 3600.
const DELAY_SECS_MAX: i64 = 3599;
/// Source: Function Compute 2016-08-15, `X-Fc-Stateful-Async-Invocation-Id`.
const TASK_ID_CHARS_MAX: usize = 128;

impl Cause {
    /// How records tell the causes apart.
    fn word(self) -> &'static str {
        match self {
            Self::Call => CALLED,
            Self::Delivery => "",
        }
    }
}

const CALLED: &str = "called";

/// Whether a stored invocation was a caller's wish.
pub(super) fn was_called(record: &Record) -> bool {
    record.key.kind == CALLED
}

/// The log of asynchronous invocations.
pub(crate) fn log_name() -> LogName {
    LogName("invocations".into())
}

/// Task ids that are being accepted, as `{function}/{task id}`: of two requests at once, one is the duplicate.
#[derive(Debug, Default)]
pub(crate) struct TasksInAcceptance(Mutex<HashSet<String>>);

struct Claim<'a> {
    tasks: &'a TasksInAcceptance,
    name: String,
}

impl TasksInAcceptance {
    fn claim(&self, function: &FunctionName, task_id: &str) -> Option<Claim<'_>> {
        let name = format!("{function}/{task_id}");
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        fresh.then_some(Claim { tasks: self, name })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.tasks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Functions {
    /// Accepts an invocation that is made later. It is durable when this returns.
    pub async fn invoke_async(
        &self,
        name: &FunctionName,
        qualifier: &Qualifier,
        payload: Bytes,
        options: AsyncOptions,
    ) -> Result<AcceptedInvocation, InvokeFunctionError> {
        if options.task_id.is_none() {
            return self.accept(name, qualifier, payload, options).await;
        }
        // A claim on a task id must not be given up while the invocation is being stored.
        let (this, name, qualifier) = (self.shared(), name.clone(), qualifier.clone());
        to_its_end(async move { this.accept(&name, &qualifier, payload, options).await }).await
    }

    async fn accept(
        &self,
        name: &FunctionName,
        qualifier: &Qualifier,
        payload: Bytes,
        options: AsyncOptions,
    ) -> Result<AcceptedInvocation, InvokeFunctionError> {
        self.entry(name, qualifier)?;
        check_size(&payload, self.parts.options.payload.async_bytes_max)?;
        let delay = options.delay_secs.map_or(Ok(Duration::ZERO), check_delay)?;
        let _claim = match &options.task_id {
            None => None,
            Some(task_id) => Some(self.claim_task(name, task_id).await?),
        };
        let now = self.parts.clock.now();
        let route =
            Route { queue: queue_of(name, qualifier), not_before: now.plus(delay), leased_until: None };
        let record = NewRecord {
            key: RecordKey {
                log: log_name(),
                id: options.invocation.as_str().to_owned(),
                source: name.as_str().to_owned(),
                kind: options.cause.word().to_owned(),
                subject: options.task_id.clone().unwrap_or_default(),
            },
            trace_id: TraceId::random(),
            accepted_at: now,
            body: payload,
            routes: vec![route],
        };
        let appended = self.parts.dispatcher.append(vec![record]).await;
        appended.map_err(FunctionError::store("store an asynchronous invocation"))?;
        let task_id = options.task_id.unwrap_or_else(|| options.invocation.as_str().to_owned());
        Ok(AcceptedInvocation { id: options.invocation, task_id })
    }

    /// Makes sure that a task id is new. It stays taken for as long as the invocation's record is kept.
    async fn claim_task(
        &self,
        function: &FunctionName,
        task_id: &str,
    ) -> Result<Claim<'_>, InvokeFunctionError> {
        check_task_id(task_id)?;
        let duplicate = || InvokeFunctionError::TaskAlreadyExists {
            function: function.clone(),
            task_id: task_id.to_owned(),
        };
        let claim = self.tasks_in_acceptance.claim(function, task_id).ok_or_else(duplicate)?;
        let filter = TraceFilter {
            log: Some(log_name()),
            source: Some(function.as_str().to_owned()),
            subject: Some(task_id.to_owned()),
            ..TraceFilter::default()
        };
        let count = self.parts.traces.count(&filter, 1).await;
        match count.map_err(FunctionError::store("look for an async task"))? {
            0 => Ok(claim),
            _ => Err(duplicate()),
        }
    }
}

fn check_delay(secs: i64) -> Result<Duration, FunctionError> {
    match u64::try_from(secs) {
        Ok(secs @ 1..) if secs <= DELAY_SECS_MAX.unsigned_abs() => Ok(Duration::from_secs(secs)),
        _ => invalid(format!("X-Fc-Async-Delay must be from 1 to {DELAY_SECS_MAX} seconds, not {secs}")),
    }
}

/// A letter or `_`, then letters, digits, `_` and `-`.
fn check_task_id(task_id: &str) -> Result<(), FunctionError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let starts_well = task_id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || task_id.len() > TASK_ID_CHARS_MAX || !task_id.bytes().all(legal) {
        return invalid(format!(
            "X-Fc-Async-Task-Id must be 1 to {TASK_ID_CHARS_MAX} letters, digits, - and _, starting with a letter or _"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_and_delays_follow_their_rules() {
        for (task_id, valid) in [("order-77", true), ("_a", true), ("7a", false), ("", false), ("a b", false)]
        {
            assert_eq!(check_task_id(task_id).is_ok(), valid, "{task_id}");
        }
        assert!(check_task_id(&"a".repeat(128)).is_ok() && check_task_id(&"a".repeat(129)).is_err());
        for (secs, valid) in [(1, true), (3599, true), (0, false), (3600, false), (-1, false)] {
            assert_eq!(check_delay(secs).is_ok(), valid, "{secs}");
        }
    }

    #[test]
    fn of_two_equal_task_ids_at_once_one_is_refused() {
        let tasks = TasksInAcceptance::default();
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let claim = tasks.claim(&one, "t");
        assert!(claim.is_some() && tasks.claim(&one, "t").is_none() && tasks.claim(&other, "t").is_some());
        drop(claim);
        assert!(tasks.claim(&one, "t").is_some());
    }
}
