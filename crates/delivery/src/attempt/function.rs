//! Calling functions.

use kulkul_model::{FunctionName, InvocationId, Qualifier, Timestamp};
use kulkul_transform::Transform;

use super::Tried;
use super::payload::{Payload, payload};
use crate::caller::{FunctionCall, InvocationMode};
use crate::{Delivery, Outside, Verdict};

/// Calls a function with what the transform makes of the event.
pub(super) async fn call(
    delivery: &Delivery,
    outside: &Outside,
    started_at: Timestamp,
    (function, qualifier): (&FunctionName, &Qualifier),
    mode: InvocationMode,
    body: &Transform,
) -> Tried {
    let Payload { bytes, sent } = match payload(body, delivery) {
        Ok(payload) => payload,
        Err(error) => return Tried::without(Verdict::Impossible, error.to_string()),
    };
    let invocation = InvocationId::new(started_at);
    let call = FunctionCall {
        function: function.clone(),
        qualifier: qualifier.clone(),
        payload: bytes,
        invocation: invocation.clone(),
        mode,
        failed: delivery.failed,
    };
    let answer = outside.functions.call(call).await;
    Tried { answer, sent, invocation: Some(invocation) }
}

/// Makes an asynchronous invocation: the handler runs within this attempt, what is asynchronous about it lies behind us.
pub(super) async fn invoke(
    delivery: &Delivery,
    outside: &Outside,
    (function, qualifier): (&FunctionName, &Qualifier),
) -> Tried {
    let invocation = InvocationId::from_text(&delivery.record.key.id);
    let call = FunctionCall {
        function: function.clone(),
        qualifier: qualifier.clone(),
        payload: delivery.record.body.clone(),
        invocation: invocation.clone(),
        mode: InvocationMode::Sync,
        failed: delivery.failed,
    };
    let answer = outside.functions.call(call).await;
    Tried { answer, sent: None, invocation: Some(invocation) }
}
