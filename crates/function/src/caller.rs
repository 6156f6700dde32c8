//! How deliveries call functions.

use futures_util::future::BoxFuture;
use kulkul_delivery::{FunctionCall, FunctionCaller, InvocationMode, TargetAnswer, Verdict};
use kulkul_instance::{InvokeError, LogTail};

use crate::{AsyncOptions, Cause, FunctionError, Functions, Invocation, InvokeFunctionError, InvokeOptions};

impl FunctionCaller for Functions {
    fn call(&self, call: FunctionCall) -> BoxFuture<'_, TargetAnswer> {
        Box::pin(async move {
            match call.mode {
                InvocationMode::Sync => {
                    let options = InvokeOptions {
                        invocation: call.invocation,
                        log_tail: LogTail::Tail,
                        failed: call.failed,
                    };
                    let ran = self.invoke(&call.function, &call.qualifier, call.payload, options).await;
                    ran.map_or_else(refused, ended)
                }
                InvocationMode::Async => {
                    let options = AsyncOptions {
                        invocation: call.invocation,
                        task_id: None,
                        delay_secs: None,
                        cause: Cause::Delivery,
                    };
                    let accepted =
                        self.invoke_async(&call.function, &call.qualifier, call.payload, options).await;
                    accepted.map_or_else(refused, |_| TargetAnswer::new(Verdict::Succeeded, "[202]Accepted"))
                }
            }
        })
    }
}

fn ended(invocation: Invocation) -> TargetAnswer {
    let log = invocation.log_tail.filter(|log| !log.is_empty());
    match invocation.outcome {
        Ok(response) => TargetAnswer { response, log, ..TargetAnswer::new(Verdict::Succeeded, "[200]Ok") },
        Err(error) => TargetAnswer {
            function_error: Some(error.kind.to_string()),
            response: error.report,
            log,
            // A failed function is an answer with status 200 in this API.
            ..TargetAnswer::new(Verdict::Failed, format!("[200]{}", error.kind))
        },
    }
}

fn refused(error: InvokeFunctionError) -> TargetAnswer {
    let (verdict, status) = judge(&error);
    TargetAnswer::new(verdict, format!("[{status}]{error}"))
}

/// What a delivery should do about a refusal, and the status that the API gives it.
///
/// Source: Function Compute, "Retry mechanism": throttling and errors of the platform do not count as attempts. What
/// somebody can mend, such as a function that is missing while it is deployed anew, is tried again.
fn judge(error: &InvokeFunctionError) -> (Verdict, u16) {
    match error {
        InvokeFunctionError::Refused(error) => match error {
            FunctionError::EntityTooLarge { .. } | FunctionError::InvalidArgument(_) => {
                (Verdict::Impossible, 400)
            }
            FunctionError::FunctionNotFound(_)
            | FunctionError::VersionNotFound { .. }
            | FunctionError::AliasNotFound { .. }
            | FunctionError::LayerNotFound(_)
            | FunctionError::AsyncConfigNotExists { .. } => (Verdict::Failed, 404),
            FunctionError::FunctionAlreadyExists(_)
            | FunctionError::FunctionNotEmpty(_)
            | FunctionError::ConcurrentUpdate(_) => (Verdict::Failed, 409),
            FunctionError::LimitExceeded { .. } => (Verdict::Failed, 400),
            FunctionError::Store { source, .. } if source.is_retryable() => (Verdict::Throttled, 503),
            FunctionError::CodeCache(_) | FunctionError::Corrupt { .. } | FunctionError::Store { .. } => {
                (Verdict::Failed, 500)
            }
        },
        InvokeFunctionError::Run(error) => match error {
            InvokeError::ResourceExhausted { .. }
            | InvokeError::FunctionResourceExhausted { .. }
            | InvokeError::PortBusy { .. } => (Verdict::Throttled, 429),
            InvokeError::Stopping => (Verdict::Throttled, 503),
            InvokeError::Machine { .. } => (Verdict::Throttled, 500),
            InvokeError::ResponseTooLarge { .. } | InvokeError::BadResponse { .. } => (Verdict::Failed, 502),
            _ => (Verdict::Failed, 412),
        },
        InvokeFunctionError::TaskAlreadyExists { .. } => (Verdict::Impossible, 409),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_judged_by_whether_another_attempt_can_help() {
        let table: [(InvokeFunctionError, Verdict, &str); 4] = [
            (InvokeError::ResourceExhausted { limit: 3 }.into(), Verdict::Throttled, "[429]all 3 instances"),
            (
                InvokeError::StartFileMissing { program: "x".into() }.into(),
                Verdict::Failed,
                "[412]the function",
            ),
            (FunctionError::EntityTooLarge { bytes_max: 1 }.into(), Verdict::Impossible, "[400]payload size"),
            (
                FunctionError::FunctionNotFound("f".parse().unwrap()).into(),
                Verdict::Failed,
                "[404]function 'f' does not exist",
            ),
        ];
        for (error, verdict, text) in table {
            let answer = refused(error);
            assert_eq!(answer.verdict, verdict);
            assert!(answer.answer.starts_with(text), "{}", answer.answer);
        }
    }
}
