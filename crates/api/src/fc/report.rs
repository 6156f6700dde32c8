//! What happened to functions and triggers, as events.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use kulkul_access::AccessKey;
use kulkul_bus::{Operation as Report, Operator, Service, Telling};
use kulkul_function::{Invocation, InvokeFunctionError};
use kulkul_instance::{FunctionErrorKind, InvokeError};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::FcError;
use super::route::Operation;
use super::{Rest, VERSION};
use crate::answer::Answer;

/// Larger bodies carry code, and are not read again only for telling of them.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long nothing is told of a refused invocation after another of the same function and code. Ours: a caller that
/// only tries again would fill the bus, and the disk.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(1);

/// Functions and codes that are told of in that time, at most: refused invocations may name whatever they like.
const REFUSAL_COUNT_MAX: usize = 256;

/// Which refused invocations were told of a moment ago, by the hash of function and code.
#[derive(Default)]
pub(crate) struct ToldRefusals {
    hasher: RandomState,
    told_at: Mutex<HashMap<u64, Instant>>,
}

impl ToldRefusals {
    /// Whether a refusal is to be told of; if so, it is noted.
    fn note(&self, function: &str, code: &str, now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < REFUSAL_INTERVAL;
        let refusal = self.hasher.hash_one((function, code));
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.get(&refusal).is_some_and(is_recent) {
            return false;
        }
        if told_at.len() >= REFUSAL_COUNT_MAX {
            told_at.retain(|_, at| is_recent(at));
        }
        if told_at.len() >= REFUSAL_COUNT_MAX {
            return false;
        }
        told_at.insert(refusal, now);
        true
    }
}

/// What may be told of a request: nothing that could be a secret.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Named {
    function_name: Option<String>,
    trigger_name: Option<String>,
    trigger_type: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    description: Option<String>,
}

/// Tells of an operation that changes something.
pub(super) async fn change(rest: &Rest<'_>, key: &AccessKey, body: &[u8], done: Result<&Answer, &FcError>) {
    let operation = rest.route.operation;
    let mut parameters = parameters(body);
    for (name, text) in [("functionName", &rest.route.function), ("triggerName", &rest.route.trigger)] {
        if !text.is_empty() {
            parameters.insert(name.to_owned(), Value::from(&**text));
        }
    }
    let kind = if is_of_trigger(operation) { "Trigger" } else { "Function" };
    let name = if is_of_trigger(operation) { "triggerName" } else { "functionName" };
    let resource = parameters.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let report = Report {
        service: Service::FunctionCompute,
        name: operation.name(),
        id: rest.request_id.as_str(),
        operator: rest.call.operator(key, VERSION),
        resource_kind: kind,
        resource: &resource,
        parameters,
        failure: done.err().map(|error| (error.code, &*error.message)),
    };
    let words = own_words(operation, done.is_ok()).map(Telling::OwnWords);
    let tellings: Vec<Telling> = [Some(Telling::ActionTrail), words].into_iter().flatten().collect();
    rest.call.tell(&report, &tellings).await;
}

/// Tells of an invocation that was refused for what the caller did, unless one like it was told of a moment ago.
pub(super) async fn refused_invocation(rest: &Rest<'_>, key: &AccessKey, error: &FcError) {
    let status = error.status;
    if !status.is_client_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return;
    }
    let told = &rest.call.api.told_refusals;
    if !told.note(&rest.route.function, error.code, Instant::now()) {
        return;
    }
    let report = Report {
        service: Service::FunctionCompute,
        name: Operation::InvokeFunction.name(),
        id: rest.request_id.as_str(),
        operator: rest.call.operator(key, VERSION),
        resource_kind: "Function",
        resource: &rest.route.function,
        parameters: of_function(rest),
        failure: Some((error.code, &error.message)),
    };
    rest.call.tell(&report, &[Telling::OwnWords("fc:Function:InvokeWithClientError")]).await;
}

/// Tells of an instance that broke while somebody's call ran in it, or could not be started for one.
///
/// Invocations that events cause tell nothing: their telling would cause the next one.
pub(super) async fn broken_instance(rest: &Rest<'_>, done: Result<&Invocation, &InvokeFunctionError>) {
    let Some((code, message)) = breakage(done) else { return };
    let mut parameters = of_function(rest);
    if let Ok(done) = done {
        parameters.insert("instanceId".to_owned(), done.instance.as_str().into());
    }
    let report = Report {
        service: Service::FunctionCompute,
        name: if done.is_ok() { "RunInstance" } else { "StartInstance" },
        id: rest.request_id.as_str(),
        operator: Operator::Platform,
        resource_kind: "Function",
        resource: &rest.route.function,
        parameters,
        failure: Some((code, &message)),
    };
    rest.call.tell(&report, &[Telling::ActionTrail]).await;
}

/// Code and message of what happened to an instance, if something did.
fn breakage(done: Result<&Invocation, &InvokeFunctionError>) -> Option<(&'static str, String)> {
    match done {
        Ok(done) => match done.outcome.as_ref().err()?.kind {
            FunctionErrorKind::Handled | FunctionErrorKind::Unhandled => None,
            FunctionErrorKind::InstanceLost => {
                Some(("InstanceLost", "the process ended before it answered, or its time did".to_owned()))
            }
            FunctionErrorKind::Initialization => {
                Some(("InitializationError", "the initializer failed".to_owned()))
            }
        },
        Err(InvokeFunctionError::Run(error)) => match error {
            InvokeError::Exited { .. } => {
                Some(("InstanceExited", "the process ended before it was ready".to_owned()))
            }
            InvokeError::NotStarted { .. }
            | InvokeError::StartFileMissing { .. }
            | InvokeError::StartFileNotExecutable { .. }
            | InvokeError::InterpreterMissing { .. }
            | InvokeError::Machine { .. } => Some(("InstanceNotStarted", error.to_string())),
            InvokeError::ResourceExhausted { .. }
            | InvokeError::FunctionResourceExhausted { .. }
            | InvokeError::Stopping
            | InvokeError::RuntimeNotOffered { .. }
            | InvokeError::ResponseTooLarge { .. }
            | InvokeError::BadResponse { .. }
            | InvokeError::PortBusy { .. }
            | InvokeError::IsolationMissing { .. } => None,
        },
        Err(InvokeFunctionError::Refused(_) | InvokeFunctionError::TaskAlreadyExists { .. }) => None,
    }
}

fn of_function(rest: &Rest<'_>) -> Map<String, Value> {
    let qualifier = rest.query.get("qualifier").filter(|text| !text.is_empty()).unwrap_or("LATEST");
    let named = [("functionName", &*rest.route.function), ("qualifier", qualifier)];
    named.map(|(name, text)| (name.to_owned(), Value::from(text))).into_iter().collect()
}

fn parameters(body: &[u8]) -> Map<String, Value> {
    let named: Named = serde_json::from_slice(body).unwrap_or_default();
    let members = [
        ("functionName", named.function_name),
        ("triggerName", named.trigger_name),
        ("triggerType", named.trigger_type),
        ("runtime", named.runtime),
        ("handler", named.handler),
        ("description", named.description),
    ];
    members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?)))).collect()
}

fn is_of_trigger(operation: Operation) -> bool {
    matches!(operation, Operation::CreateTrigger | Operation::UpdateTrigger | Operation::DeleteTrigger)
}

/// The type of the event that the service itself has for an operation. Source: EventBridge, "Function Compute events".
fn own_words(operation: Operation, succeeded: bool) -> Option<&'static str> {
    match (operation, succeeded) {
        (Operation::CreateFunction, true) => Some("fc:Function:CreateSuccess"),
        (Operation::CreateFunction, false) => Some("fc:Function:CreateFailed"),
        (Operation::UpdateFunction, true) => Some("fc:Function:UpdateSuccess"),
        (Operation::UpdateFunction, false) => Some("fc:Function:UpdateFailed"),
        (Operation::DeleteFunction, true) => Some("fc:Function:DeleteSuccess"),
        (Operation::DeleteFunction, false) => Some("fc:Function:DeleteFailed"),
        (Operation::CreateTrigger, true) => Some("fc:Trigger:CreateSuccess"),
        (Operation::CreateTrigger, false) => Some("fc:Trigger:CreateFailed"),
        (Operation::UpdateTrigger, true) => Some("fc:Trigger:UpdateSuccess"),
        (Operation::UpdateTrigger, false) => Some("fc:Trigger:UpdateFailed"),
        (Operation::DeleteTrigger, true) => Some("fc:Trigger:DeleteSuccess"),
        (Operation::DeleteTrigger, false) => Some("fc:Trigger:DeleteFailed"),
        (
            Operation::GetFunction
            | Operation::ListFunctions
            | Operation::GetFunctionCode
            | Operation::InvokeFunction
            | Operation::GetTrigger
            | Operation::ListTriggers
            | Operation::PutAsyncInvokeConfig
            | Operation::GetAsyncInvokeConfig
            | Operation::DeleteAsyncInvokeConfig
            | Operation::ListAsyncInvokeConfigs
            | Operation::DownloadCode,
            _,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_of_once_a_second_for_each_function_and_code() {
        let (told, start) = (ToldRefusals::default(), Instant::now());
        let table = [
            ("f", "FunctionNotFound", 0, true),
            ("f", "FunctionNotFound", 999, false),
            ("f", "InvalidArgument", 999, true),
            ("g", "FunctionNotFound", 999, true),
            ("f", "FunctionNotFound", 1000, true),
            ("f", "FunctionNotFound", 1001, false),
        ];
        for (function, code, after_ms, expected) in table {
            let now = start + Duration::from_millis(after_ms);
            assert_eq!(told.note(function, code, now), expected, "{function} {code} {after_ms}");
        }
    }

    #[test]
    fn a_caller_that_makes_names_up_is_told_of_so_often_only() {
        let (told, start) = (ToldRefusals::default(), Instant::now());
        let count = |now| (0..1000).filter(|n| told.note(&format!("f{n}"), "FunctionNotFound", now)).count();
        assert_eq!(count(start), REFUSAL_COUNT_MAX);
        assert_eq!(count(start + REFUSAL_INTERVAL), REFUSAL_COUNT_MAX);
        assert_eq!(told.told_at.lock().unwrap().len(), REFUSAL_COUNT_MAX);
    }
}
