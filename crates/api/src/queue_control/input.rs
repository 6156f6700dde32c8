//! What clients say about a queue.

use kulkul_model::MessageQueueName;
use kulkul_queue::{AttributeChanges, DeadLetterPolicy};
use serde::Deserialize;
use serde_json::Value;

use super::reply::Fault;
use crate::eventbridge::{Params, RpcError};

/// `QueueName`.
pub(crate) fn queue(params: &Params<'_>) -> Result<MessageQueueName, Fault> {
    let name = params.require("QueueName")?;
    name.parse().map_err(|error: kulkul_model::InvalidName| {
        RpcError::invalid_because("QueueName", &error.to_string()).into()
    })
}

/// The attributes that are given.
pub(crate) fn changes(params: &Params<'_>) -> Result<AttributeChanges, Fault> {
    if params.get("QueueType").is_some_and(|kind| !kind.is_empty() && kind != "normal") {
        return Err(
            RpcError::invalid_because("QueueType", "this server has queues of the type `normal`").into()
        );
    }
    let number = |name| match params.number(name)? {
        Some(number) => u64::try_from(number).map(Some).map_err(|_| RpcError::invalid(name)),
        None => Ok(None),
    };
    let logging = params.get("EnableLogging").filter(|text| !text.is_empty());
    let logging = logging.map(|text| boolean(text).ok_or_else(|| RpcError::invalid("EnableLogging")));
    Ok(AttributeChanges {
        delay_secs: number("DelaySeconds")?,
        message_bytes_max: number("MaximumMessageSize")?,
        retention_secs: number("MessageRetentionPeriod")?,
        visibility_secs: number("VisibilityTimeout")?,
        polling_wait_secs: number("PollingWaitSeconds")?,
        logging: logging.transpose()?,
        dead_letter: dead_letter(params)?,
    })
}

/// Numbers and truth come as such in JSON, and as text when the policy is flattened.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyInput {
    #[serde(default)]
    enabled: Value,
    #[serde(default)]
    dead_letter_target_queue: String,
    #[serde(default)]
    max_receive_count: Value,
}

/// Source: `DlqPolicy` of `CreateQueue`; a count of 16 when none is given (ours).
fn dead_letter(params: &Params<'_>) -> Result<Option<DeadLetterPolicy>, Fault> {
    const COUNT: u32 = 16;
    let Some(input) = params.structured::<PolicyInput>("DlqPolicy")? else { return Ok(None) };
    let invalid = |reason: &str| RpcError::invalid_because("DlqPolicy", reason);
    let enabled = match &input.enabled {
        Value::Null => false,
        Value::Bool(enabled) => *enabled,
        other => other.as_str().and_then(boolean).ok_or_else(|| invalid("Enabled must be true or false"))?,
    };
    let count = match &input.max_receive_count {
        Value::Null => Some(COUNT),
        Value::String(text) if text.is_empty() => Some(COUNT),
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|count| u32::try_from(count).ok()),
    };
    let receive_count_max = count.ok_or_else(|| invalid("MaxReceiveCount must be a number"))?;
    Ok(Some(DeadLetterPolicy { enabled, target: input.dead_letter_target_queue, receive_count_max }))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_as_json_or_flattened() {
        let expected = DeadLetterPolicy { enabled: true, target: "dlq".to_owned(), receive_count_max: 3 };
        for query in [
            r#"DlqPolicy={"DeadLetterTargetQueue":"dlq","Enabled":true,"MaxReceiveCount":3}"#,
            "DlqPolicy.Enabled=True&DlqPolicy.DeadLetterTargetQueue=dlq&DlqPolicy.MaxReceiveCount=3",
        ] {
            let params = Params::parse(query, b"").unwrap();
            let changes = changes(&params).unwrap_or_else(|_| panic!("{query}"));
            assert_eq!(changes.dead_letter, Some(expected.clone()), "{query}");
        }
        for query in
            ["QueueType=fifo", "DelaySeconds=-1", "EnableLogging=perhaps", r#"DlqPolicy={"Enabled":7}"#]
        {
            assert!(changes(&Params::parse(query, b"").unwrap()).is_err(), "{query}");
        }
    }
}
