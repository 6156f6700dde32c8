//! InvokeFunction.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use kulkul_function::{AsyncOptions, Cause, Invocation, InvokeOptions};
use kulkul_instance::LogTail;
use kulkul_model::{FunctionName, Qualifier};

use super::error::FcError;
use super::{Rest, report};
use crate::answer::{self, Answer};

/// When the function is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InvocationType {
    Sync,
    Async,
}

pub(super) async fn run(rest: &Rest<'_>, payload: Bytes) -> Result<Answer, FcError> {
    let (function, qualifier) = (rest.function()?, rest.qualifier()?);
    let header = |name| rest.call.header(name).filter(|text| !text.is_empty());
    match invocation_type(header("x-fc-invocation-type"))? {
        InvocationType::Sync => {
            let log_tail = log_type(header("x-fc-log-type"))?;
            now(rest, function, qualifier, payload, log_tail).await
        }
        InvocationType::Async => {
            let options = AsyncOptions {
                invocation: rest.request_id.clone(),
                task_id: header("x-fc-async-task-id").map(str::to_owned),
                delay_secs: delay(header("x-fc-async-delay"))?,
                cause: Cause::Call,
            };
            Box::pin(later(rest, function, qualifier, payload, options)).await
        }
    }
}

/// Runs the function. A client that hangs up cancels the run: this future is dropped then.
async fn now(
    rest: &Rest<'_>,
    function: FunctionName,
    qualifier: Qualifier,
    payload: Bytes,
    log_tail: LogTail,
) -> Result<Answer, FcError> {
    let options = InvokeOptions { invocation: rest.request_id.clone(), log_tail, failed: 0 };
    let done = rest.call.api.functions.invoke(&function, &qualifier, payload, options).await;
    if done.as_ref().map_or(true, |done| done.outcome.is_err()) {
        Box::pin(report::broken_instance(rest, done.as_ref())).await;
    }
    Ok(answered(done?, &qualifier))
}

async fn later(
    rest: &Rest<'_>,
    function: FunctionName,
    qualifier: Qualifier,
    payload: Bytes,
    options: AsyncOptions,
) -> Result<Answer, FcError> {
    // The payload is read: the invocation is accepted although its client hangs up.
    rest.call.peer.run_to_end();
    let accepted = rest.call.api.functions.invoke_async(&function, &qualifier, payload, options).await?;
    let mut answer = answer::empty(StatusCode::ACCEPTED);
    answer::set(&mut answer, "x-fc-async-task-id", accepted.task_id);
    Ok(answer)
}

/// A function that failed is answered with 200, too: the header `X-Fc-Error-Type` tells it from one that did not.
fn answered(done: Invocation, qualifier: &Qualifier) -> Answer {
    let (content_type, body, error) = match done.outcome {
        Ok(body) => ("application/octet-stream", body, None),
        Err(error) => ("application/json", error.report, Some(error.kind)),
    };
    let mut answer = answer::with_body(StatusCode::OK, content_type, body);
    let mut set = |name, value: String| answer::set(&mut answer, name, value);
    if let Some(kind) = error {
        set("x-fc-error-type", kind.header_value().to_owned());
    }
    set("x-fc-invocation-duration", done.duration.as_millis().to_string());
    set("x-fc-max-memory-usage", format!("{:.2}", done.memory_max.megabytes()));
    set("x-fc-invocation-service-version", qualifier.as_str().to_owned());
    set("x-fc-invocation-code-version", done.version);
    set("x-fc-code-checksum", done.code_crc64.to_string());
    set("x-fc-instance-id", done.instance.as_str().to_owned());
    if let Some(log) = done.log_tail {
        set("x-fc-log-result", STANDARD.encode(log));
    }
    answer
}

fn invocation_type(text: Option<&str>) -> Result<InvocationType, FcError> {
    match text {
        None => Ok(InvocationType::Sync),
        Some(text) if text.eq_ignore_ascii_case("sync") => Ok(InvocationType::Sync),
        Some(text) if text.eq_ignore_ascii_case("async") => Ok(InvocationType::Async),
        Some(_) => Err(FcError::invalid("X-Fc-Invocation-Type must be Sync or Async")),
    }
}

fn log_type(text: Option<&str>) -> Result<LogTail, FcError> {
    match text {
        None => Ok(LogTail::None),
        Some(text) if text.eq_ignore_ascii_case("none") => Ok(LogTail::None),
        Some(text) if text.eq_ignore_ascii_case("tail") => Ok(LogTail::Tail),
        Some(_) => Err(FcError::invalid("X-Fc-Log-Type must be None or Tail")),
    }
}

fn delay(text: Option<&str>) -> Result<Option<i64>, FcError> {
    match text {
        None => Ok(None),
        Some(text) => match text.trim().parse() {
            Ok(secs) => Ok(Some(secs)),
            Err(_) => Err(FcError::invalid("X-Fc-Async-Delay must be a whole number of seconds")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_without_regard_to_case() {
        assert_eq!(invocation_type(None), Ok(InvocationType::Sync));
        assert_eq!(invocation_type(Some("ASYNC")), Ok(InvocationType::Async));
        assert_eq!(invocation_type(Some("Later")).unwrap_err().code, "InvalidArgument");
        assert_eq!(log_type(Some("tail")), Ok(LogTail::Tail));
        assert_eq!(log_type(Some("all")).unwrap_err().code, "InvalidArgument");
        assert_eq!(delay(Some("10")), Ok(Some(10)));
        assert_eq!(delay(Some("1.5")).unwrap_err().code, "InvalidArgument");
    }
}
