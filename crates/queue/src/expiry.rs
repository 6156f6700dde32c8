//! Messages whose retention is over.

use kulkul_store::{Exchange, Exchanged, Footing, StoreError, Taken, Takings};

use crate::QueueError;
use crate::pump::LEASE;
use crate::queue::Queue;
use crate::queues::Inner;

/// How many messages are dropped in one commit. Their bodies are read with them.
const DROPPED_AT_ONCE: usize = 256;

impl Inner {
    /// Drops the messages whose retention is over, all of them.
    pub(crate) async fn expire(&self, queue: &Queue) -> Result<(), QueueError> {
        // Whoever comes while somebody drops messages waits for him, or he would see some of them.
        let _dropping = queue.expiring.lock().await;
        while queue.expiry_is_due(self.parts.clock.now()) {
            queue.forget_expiry();
            let dropped = self.expire_some(queue).await;
            if dropped.is_err() {
                queue.expires(self.parts.clock.now());
            }
            dropped?;
        }
        Ok(())
    }

    async fn expire_some(&self, queue: &Queue) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        let expiry = vec![queue.ids.expiry.clone()];
        let Takings { taken, next_due } =
            self.parts.messages.take(expiry, now, now.plus(LEASE), DROPPED_AT_ONCE).await?;
        if let Some(next_due) = next_due {
            queue.expires(next_due);
        }
        if taken.is_empty() {
            return Ok(());
        }
        let forget = |Taken { delivery, due }: &Taken| Exchange {
            delivery: delivery.id(),
            from: Footing { due: *due, failed: delivery.failed },
            to: Exchanged::Forgotten,
        };
        let exchanges = taken.iter().map(forget).collect();
        if let Err(error) = self.parts.messages.exchange(exchanges).await {
            self.give_back(taken).await;
            return Err(error);
        }
        Ok(())
    }
}
