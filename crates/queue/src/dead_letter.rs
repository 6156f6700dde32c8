//! Moving messages that nobody could handle to the queue for dead letters.

use kulkul_store::{Exchange, Exchanged, Footing, Taken};

use crate::queue::Queue;
use crate::queues::Inner;
use crate::registry::dead_letter_queue;
use crate::send::Outgoing;
use crate::{DeadLetterPolicy, NewMessage, QueueError, SystemProperty, pump};

impl Inner {
    /// Moves a message that was taken to the queue for dead letters. `Ok(false)` when there is no such queue; the
    /// message is better received once more than lost.
    ///
    /// The message gets a new id, and keeps its text, its priority and the end of its retention. It is stored there
    /// before it is forgotten here: after a crash in between it is in both queues.
    pub(crate) async fn bury(
        &self,
        queue: &Queue,
        policy: &DeadLetterPolicy,
        taken: &Taken,
    ) -> Result<bool, QueueError> {
        let Some(target) = dead_letter_queue(&policy.target).and_then(|name| self.find(&name)) else {
            return Ok(false);
        };
        let now = self.parts.clock.now();
        let message = pump::read(&taken.delivery)?;
        let identity = &self.parts.identity;
        let arn = format!("acs:mns:{}:{}:/queues/{}", identity.region, identity.account, queue.name);
        let property = |name: &str, value: String| SystemProperty { name: name.to_owned(), value };
        // Source: names as clients know them; of the values none is documented.
        let told = [
            property("DLQMessageType", "QueueMaxReceiveCount".to_owned()),
            property("DLQSourceArn", arn),
            property("DLQOriginMessageId", message.id),
        ];
        let kept = message.system_properties.into_iter().filter(|kept| !kept.name.starts_with("DLQ"));
        let letter = NewMessage {
            text: message.text,
            delay_secs: Some(0),
            priority: message.priority,
            user_properties: message.user_properties,
            system_properties: kept.chain(told).collect(),
            group: message.group,
        };
        let outgoing =
            Outgoing { message: letter, sent_at: now, visible_at: now, expires_at: message.expires_at };
        self.append(&target, vec![outgoing]).await?;
        let forget = Exchange {
            delivery: taken.delivery.id(),
            from: Footing { due: taken.due, failed: taken.delivery.failed },
            to: Exchanged::Forgotten,
        };
        self.parts.messages.exchange(vec![forget]).await?;
        Ok(true)
    }
}
