//! What clients are told about a queue.

use kulkul_queue::{Counts, QueueInfo};
use serde::Serialize;

/// The attributes of a queue.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueOutput {
    queue_name: String,
    create_time: i64,
    last_modify_time: i64,
    delay_seconds: u64,
    maximum_message_size: usize,
    message_retention_period: u64,
    visibility_timeout: u64,
    polling_wait_seconds: u64,
    active_messages: u64,
    inactive_messages: u64,
    delay_messages: u64,
    logging_enabled: bool,
    queue_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dlq_policy: Option<PolicyOutput>,
}

/// The count is a number in requests and a text in answers. Source: the official client.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyOutput {
    enabled: bool,
    dead_letter_target_queue: String,
    max_receive_count: String,
}

impl QueueOutput {
    pub(crate) fn of(info: &QueueInfo, counts: Counts) -> Self {
        let attributes = &info.attributes;
        Self {
            queue_name: info.name.to_string(),
            create_time: info.created_at.as_secs(),
            last_modify_time: info.modified_at.as_secs(),
            delay_seconds: attributes.delay.as_secs(),
            maximum_message_size: attributes.message_bytes_max,
            message_retention_period: attributes.retention.as_secs(),
            visibility_timeout: attributes.visibility.as_secs(),
            polling_wait_seconds: attributes.polling_wait.as_secs(),
            active_messages: counts.active,
            inactive_messages: counts.inactive,
            delay_messages: counts.delayed,
            logging_enabled: attributes.logging,
            queue_type: "normal",
            dlq_policy: attributes.dead_letter.as_ref().map(|policy| PolicyOutput {
                enabled: policy.enabled,
                dead_letter_target_queue: policy.target.clone(),
                max_receive_count: policy.receive_count_max.to_string(),
            }),
        }
    }
}
