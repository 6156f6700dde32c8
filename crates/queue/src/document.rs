//! How queues are stored. Format 1.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{MessageQueueName, Timestamp};
use kulkul_store::{Document, Key};
use serde::{Deserialize, Serialize};

use crate::queue::Settings;
use crate::{Attributes, DeadLetterPolicy, QueueError};

const FORMAT: u32 = 1;

/// The first part of the key of every queue.
pub(crate) const KEY_PREFIX: &str = "message-queue/";

pub(crate) fn key(queue: &MessageQueueName) -> Key {
    format!("{KEY_PREFIX}{queue}").into()
}

#[derive(Serialize, Deserialize)]
struct StoredQueue {
    format: u32,
    name: String,
    incarnation: String,
    created_ms: i64,
    modified_ms: i64,
    delay_secs: u64,
    message_bytes_max: usize,
    retention_secs: u64,
    visibility_secs: u64,
    polling_wait_secs: u64,
    logging: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead_letter: Option<StoredPolicy>,
}

#[derive(Serialize, Deserialize)]
struct StoredPolicy {
    enabled: bool,
    target: String,
    receive_count_max: u32,
}

/// A queue as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueDocument {
    pub(crate) name: MessageQueueName,
    pub(crate) incarnation: u128,
    pub(crate) created_at: Timestamp,
    pub(crate) settings: Settings,
}

pub(crate) fn write(queue: &QueueDocument) -> Bytes {
    let Settings { attributes, modified_at } = &queue.settings;
    let stored = StoredQueue {
        format: FORMAT,
        name: queue.name.as_str().to_owned(),
        incarnation: format!("{:032x}", queue.incarnation),
        created_ms: queue.created_at.as_millis(),
        modified_ms: modified_at.as_millis(),
        delay_secs: attributes.delay.as_secs(),
        message_bytes_max: attributes.message_bytes_max,
        retention_secs: attributes.retention.as_secs(),
        visibility_secs: attributes.visibility.as_secs(),
        polling_wait_secs: attributes.polling_wait.as_secs(),
        logging: attributes.logging,
        dead_letter: attributes.dead_letter.as_ref().map(|policy| StoredPolicy {
            enabled: policy.enabled,
            target: policy.target.clone(),
            receive_count_max: policy.receive_count_max,
        }),
    };
    serde_json::to_vec(&stored).expect("a queue is made of texts and numbers").into()
}

pub(crate) fn read(document: &Document) -> Result<QueueDocument, QueueError> {
    parse(&document.value).map_err(|source| QueueError::Unreadable { key: document.key.to_string(), source })
}

fn parse(value: &[u8]) -> Result<QueueDocument, serde_json::Error> {
    use serde::de::Error;
    let stored: StoredQueue = serde_json::from_slice(value)?;
    if stored.format != FORMAT {
        return Err(Error::custom(format_args!("format {} is not {FORMAT}", stored.format)));
    }
    let attributes = Attributes {
        delay: Duration::from_secs(stored.delay_secs),
        message_bytes_max: stored.message_bytes_max,
        retention: Duration::from_secs(stored.retention_secs),
        visibility: Duration::from_secs(stored.visibility_secs),
        polling_wait: Duration::from_secs(stored.polling_wait_secs),
        logging: stored.logging,
        dead_letter: stored.dead_letter.map(|policy| DeadLetterPolicy {
            enabled: policy.enabled,
            target: policy.target,
            receive_count_max: policy.receive_count_max,
        }),
    };
    Ok(QueueDocument {
        name: stored.name.parse().map_err(Error::custom)?,
        incarnation: u128::from_str_radix(&stored.incarnation, 16).map_err(Error::custom)?,
        created_at: Timestamp::from_millis(stored.created_ms),
        settings: Settings { attributes, modified_at: Timestamp::from_millis(stored.modified_ms) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_reads_back_as_it_was_written() {
        let policy = DeadLetterPolicy { enabled: true, target: "dlq".to_owned(), receive_count_max: 3 };
        let attributes = Attributes {
            delay: Duration::from_secs(1),
            message_bytes_max: 2048,
            retention: Duration::from_secs(3),
            visibility: Duration::from_secs(4),
            polling_wait: Duration::from_secs(5),
            logging: true,
            dead_letter: Some(policy),
        };
        let queue = QueueDocument {
            name: "q1".parse().unwrap(),
            incarnation: 1 << 127,
            created_at: Timestamp::from_millis(8),
            settings: Settings { attributes, modified_at: Timestamp::from_millis(9) },
        };
        assert_eq!(parse(&write(&queue)).unwrap(), queue);
    }

    #[test]
    fn another_format_is_refused() {
        let text = String::from_utf8(
            write(&QueueDocument {
                name: "q1".parse().unwrap(),
                incarnation: 1,
                created_at: Timestamp::default(),
                settings: Settings { attributes: Attributes::default(), modified_at: Timestamp::default() },
            })
            .to_vec(),
        )
        .unwrap();
        let error = parse(text.replace("\"format\":1", "\"format\":2").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "format 2 is not 1");
    }
}
