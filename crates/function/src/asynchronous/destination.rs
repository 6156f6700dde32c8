//! Telling of the end of an asynchronous invocation: to its destination, and to whoever listens to this server's events.

use std::sync::Weak;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kulkul_bus::{AcceptError, Operation, Operator, Service, Telling};
use kulkul_delivery::{Delivery, Ending, Epilogue, Verdict};
use kulkul_model::{Draft, EventBusArn, FunctionName, InvocationId, Qualifier, Timestamp, function_arn};
use kulkul_store::{StoreError, StoreFuture};
use serde_json::{Map, Value, json};

use super::accept::{AsyncOptions, Cause, was_called};
use super::config::{Destination, Destinations, parse_destination};
use crate::{FunctionError, Functions, InvokeFunctionError};

/// Reports the ends of the invocations of one function and qualifier.
pub(super) struct Reporter {
    functions: Weak<Functions>,
    function: FunctionName,
    qualifier: Qualifier,
    destinations: Destinations,
}

/// What a destination is told.
struct Report<'a> {
    function_arn: String,
    at: Timestamp,
    delivery: &'a Delivery,
    ending: &'a Ending,
}

/// Source: Function Compute, "Destinations for asynchronous invocations": 64 KB to an event bus. A function takes
/// what an asynchronous invocation takes.
const BUS_BYTES_MAX: usize = 64 * 1024;

impl Reporter {
    pub(super) fn new(
        functions: Weak<Functions>,
        function: FunctionName,
        qualifier: Qualifier,
        destinations: Destinations,
    ) -> Self {
        Self { functions, function, qualifier, destinations }
    }

    async fn report(&self, delivery: &Delivery, ending: &Ending) -> Result<(), StoreError> {
        let succeeded = ending.answer.verdict == Verdict::Succeeded;
        let arn = if succeeded { &self.destinations.on_success } else { &self.destinations.on_failure };
        let (Some(arn), Some(functions)) = (arn, self.functions.upgrade()) else { return Ok(()) };
        let identity = functions.identity();
        let body = Report {
            function_arn: function_arn(identity, &self.function, Some(&self.qualifier)),
            at: functions.parts.clock.now(),
            delivery,
            ending,
        }
        .to_json();
        let sent = match parse_destination(arn) {
            Ok(Destination::Function(to)) => {
                let qualifier = to.qualifier.unwrap_or_else(Qualifier::latest);
                invoke(&functions, &to.function, &qualifier, body).await
            }
            Ok(Destination::Bus(to)) => {
                publish(&functions, &to, &self.function, &delivery.record.key.id, body).await
            }
            Err(error) => Err(NotSent::Undeliverable(error.to_string())),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(NotSent::Store(error)) => Err(error),
            // Trying again would not help, and the invocation itself has ended.
            Err(NotSent::Undeliverable(reason)) => {
                let invocation = &delivery.record.key.id;
                tracing::warn!(
                    function = %self.function, invocation.id = %invocation, destination = %arn, error = reason,
                    "the destination of an invocation cannot be told of its end (DestinationDeliveryFailed)"
                );
                Ok(())
            }
        }
    }
}

impl Reporter {
    /// Makes the end of what somebody called an event. An invocation that an event caused makes none.
    async fn announce(&self, delivery: &Delivery, ending: &Ending) -> Result<(), StoreError> {
        let Some(functions) = self.functions.upgrade().filter(|_| was_called(&delivery.record)) else {
            return Ok(());
        };
        let answer = &ending.answer;
        let code = answer.function_error.as_deref().unwrap_or("InvocationFailed");
        let mut parameters = Map::new();
        parameters.insert("functionName".to_owned(), self.function.as_str().into());
        parameters.insert("qualifier".to_owned(), self.qualifier.as_str().into());
        parameters.insert("attemptCount".to_owned(), ending.attempt_count.into());
        let operation = Operation {
            service: Service::FunctionCompute,
            name: "FinishAsyncInvocation",
            id: &delivery.record.key.id,
            operator: Operator::Platform,
            resource_kind: "Function",
            resource: self.function.as_str(),
            parameters,
            failure: (answer.verdict != Verdict::Succeeded).then_some((code, &*answer.answer)),
        };
        match functions.parts.hub.report(&operation, &[Telling::ActionTrail]).await {
            Ok(()) | Err(AcceptError::UnknownBus { .. }) => Ok(()),
            Err(AcceptError::Store(error)) => Err(error),
        }
    }
}

impl Epilogue for Reporter {
    fn ended<'a>(&'a self, delivery: &'a Delivery, ending: &'a Ending) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.report(delivery, ending).await?;
            self.announce(delivery, ending).await
        })
    }
}

enum NotSent {
    Store(StoreError),
    Undeliverable(String),
}

async fn invoke(
    functions: &Functions,
    function: &FunctionName,
    qualifier: &Qualifier,
    body: String,
) -> Result<(), NotSent> {
    let invocation = InvocationId::new(functions.parts.clock.now());
    let options = AsyncOptions { invocation, task_id: None, delay_secs: None, cause: Cause::Delivery };
    // Boxed, since the destination may be told of the end of this invocation in turn.
    let accepted = Box::pin(functions.invoke_async(function, qualifier, Bytes::from(body), options)).await;
    accepted.map(drop).map_err(|error| match error {
        InvokeFunctionError::Refused(FunctionError::Store { source, .. }) => NotSent::Store(source),
        error => NotSent::Undeliverable(error.to_string()),
    })
}

/// Source: the envelope is ours, since the cloud's is not documented.
async fn publish(
    functions: &Functions,
    bus: &EventBusArn,
    function: &FunctionName,
    invocation: &str,
    body: String,
) -> Result<(), NotSent> {
    if body.len() > BUS_BYTES_MAX {
        return Err(NotSent::Undeliverable(format!("the report has more than {BUS_BYTES_MAX} bytes")));
    }
    let mut event = Draft::empty();
    // The same id when it is told again after a crash, so that a consumer can tell.
    event.set_text("id", invocation);
    event.set_text("source", "acs.fc");
    event.set_text("type", "fc:Function:AsyncInvocationResult");
    event.set_text("subject", &function_arn(functions.identity(), function, None));
    event.set("data", body);
    let accepted = functions.parts.hub.accept(&bus.bus, vec![Ok(event)], "").await;
    match accepted {
        Ok(answers) => match answers.into_iter().next() {
            Some(Err(error)) => Err(NotSent::Undeliverable(error.to_string())),
            Some(Ok(_)) | None => Ok(()),
        },
        Err(AcceptError::Store(error)) => Err(NotSent::Store(error)),
        Err(error @ AcceptError::UnknownBus { .. }) => Err(NotSent::Undeliverable(error.to_string())),
    }
}

impl Report<'_> {
    /// Source: Function Compute, "Destinations for asynchronous invocations".
    fn to_json(&self) -> String {
        let answer = &self.ending.answer;
        let condition = match answer.verdict {
            Verdict::Succeeded => String::new(),
            Verdict::Failed | Verdict::Impossible | Verdict::Throttled => {
                answer.function_error.clone().unwrap_or_else(|| answer.answer.clone())
            }
        };
        let mut response = json!({"statusCode": status_of(&answer.answer)});
        if let Some(error) = &answer.function_error {
            response["functionError"] = Value::from(error.as_str());
        }
        json!({
            "timestamp": self.at.as_millis(),
            "requestContext": {
                "requestId": self.delivery.record.key.id,
                "functionArn": self.function_arn,
                "condition": condition,
                "approximateInvokeCount": self.ending.attempt_count,
            },
            "requestPayload": text_of(&self.delivery.record.body),
            "responseContext": response,
            "responsePayload": text_of(&answer.response),
        })
        .to_string()
    }
}

/// The status in an answer such as `[200]Ok`.
fn status_of(answer: &str) -> u16 {
    answer.strip_prefix('[').and_then(|rest| rest.split(']').next()?.parse().ok()).unwrap_or(500)
}

/// A payload as text; what is no text, in base64.
fn text_of(payload: &[u8]) -> String {
    std::str::from_utf8(payload).map_or_else(|_| STANDARD.encode(payload), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_delivery::TargetAnswer;
    use kulkul_store::{LogName, QueueId, Record, RecordKey, Seq};
    use std::sync::Arc;

    fn report(answer: TargetAnswer, payload: &'static [u8]) -> Value {
        let record = Record {
            seq: Seq(1),
            key: RecordKey {
                log: LogName("invocations".into()),
                id: "1-6921a2b5-00".into(),
                source: "resize".into(),
                kind: String::new(),
                subject: String::new(),
            },
            trace_id: kulkul_model::TraceId::from_u128(1),
            accepted_at: Timestamp::from_millis(0),
            body: Bytes::from_static(payload),
        };
        let delivery = Delivery {
            queue: QueueId("q".into()),
            not_before: record.accepted_at,
            record: Arc::new(record),
            failed: 3,
            note: None,
        };
        let report = Report {
            function_arn: "acs:fc:cn-hangzhou:1:functions/resize/LATEST".into(),
            at: Timestamp::from_millis(1_660_120_276_975),
            delivery: &delivery,
            ending: &Ending { attempt_count: 4, answer },
        };
        serde_json::from_str(&report.to_json()).unwrap()
    }

    fn answer(verdict: Verdict, answer: &str, error: Option<&str>, response: &'static str) -> TargetAnswer {
        TargetAnswer {
            function_error: error.map(Into::into),
            response: Bytes::from_static(response.as_bytes()),
            ..TargetAnswer::new(verdict, answer)
        }
    }

    #[test]
    fn a_report_has_the_documented_form() {
        let error = "UnhandledInvocationError";
        let answer = answer(
            Verdict::Failed,
            "[200]UnhandledInvocationError",
            Some(error),
            r#"{"errorMessage":"oops"}"#,
        );
        let expected = json!({
            "timestamp": 1_660_120_276_975i64,
            "requestContext": {"requestId": "1-6921a2b5-00", "functionArn": "acs:fc:cn-hangzhou:1:functions/resize/LATEST",
                "condition": error, "approximateInvokeCount": 4},
            "requestPayload": "{}",
            "responseContext": {"statusCode": 200, "functionError": error},
            "responsePayload": "{\"errorMessage\":\"oops\"}",
        });
        assert_eq!(report(answer, b"{}"), expected);
    }

    #[test]
    fn success_has_no_condition_and_bytes_are_base64() {
        let report = report(answer(Verdict::Succeeded, "[200]Ok", None, "done"), b"\x00\xff");
        assert_eq!(report["requestContext"]["condition"], "");
        assert_eq!(report["requestPayload"], "AP8=");
        assert_eq!(report["responseContext"], json!({"statusCode": 200}));
    }

    #[test]
    fn an_invocation_that_never_ran_says_why() {
        let report = report(answer(Verdict::Throttled, "[429]all instances are busy", None, ""), b"");
        assert_eq!(report["requestContext"]["condition"], "[429]all instances are busy");
        assert_eq!(report["responseContext"]["statusCode"], 429);
    }
}
