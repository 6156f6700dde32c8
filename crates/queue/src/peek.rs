//! Looking at messages without receiving them.

use kulkul_model::MessageQueueName;

use crate::{Message, Quantity, QueueError, Queues, pump};

impl Queues {
    /// The messages that are visible, at most `count_max`, those first that would be received first. Changes nothing.
    pub async fn peek(&self, name: &MessageQueueName, count_max: usize) -> Result<Vec<Message>, QueueError> {
        Quantity::BatchCount.check(count_max as u64)?;
        let queue = self.existing(name)?;
        self.0.expire(&queue).await?;
        let now = self.0.parts.clock.now();
        let mut skipped = 0;
        loop {
            let seen = self.0.parts.messages.glance(queue.used_queues(), now, count_max + skipped).await?;
            let read = seen.iter().filter_map(|delivery| pump::read_or_skip(&queue, delivery));
            let mut messages: Vec<Message> = read.collect();
            messages.truncate(count_max);
            // Behind those that nobody can read there may be others.
            let unreadable = seen.len() - messages.len();
            if messages.len() == count_max || unreadable <= skipped {
                return Ok(messages);
            }
            skipped = unreadable;
        }
    }
}
