//! What is chosen about an event source that reads a message queue.

use kulkul_model::{InvalidName, MessageQueueName};
use serde::{Deserialize, Serialize};

/// The settings of a message queue as an event source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The region that its owner named. There is one here; it is kept to be shown.
    pub region: String,
    /// The queue.
    pub queue: MessageQueueName,
    /// Whether texts are taken for Base64.
    pub decodes_base64: bool,
}

/// The settings as they are stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredQueue {
    region: String,
    queue: String,
    decodes_base64: bool,
}

impl StoredQueue {
    pub(crate) fn of(settings: &QueueSettings) -> Self {
        Self {
            region: settings.region.clone(),
            queue: settings.queue.to_string(),
            decodes_base64: settings.decodes_base64,
        }
    }

    pub(crate) fn settings(self) -> Result<QueueSettings, InvalidName> {
        let Self { region, queue, decodes_base64 } = self;
        Ok(QueueSettings { region, queue: queue.parse()?, decodes_base64 })
    }
}
