//! Moving messages that nobody could handle to the queue for dead letters.

use std::collections::HashSet;

use kulkul_model::Timestamp;
use kulkul_store::{Exchange, Exchanged, Footing, Seq, Taken};

use crate::queue::Queue;
use crate::queues::Inner;
use crate::registry::dead_letter_queue;
use crate::send::Outgoing;
use crate::{DeadLetterPolicy, Message, NewMessage, QueueError, SystemProperty, pump};

/// Messages that move in one commit. Others wait for it, and a message may be large.
const MOVED_AT_ONCE: usize = 64;

impl Inner {
    /// Moves messages that were taken to the queue for dead letters. Returns those that are there; the others are better
    /// received once more than lost, or left until their leases run out.
    ///
    /// A message gets a new id, and keeps its text, its priority and the end of its retention. It is stored there before
    /// it is forgotten here: after a crash in between it is in both queues.
    pub(crate) async fn bury(
        &self,
        queue: &Queue,
        policy: &DeadLetterPolicy,
        taken: &[&Taken],
    ) -> HashSet<Seq> {
        let mut buried = HashSet::new();
        let Some(target) = dead_letter_queue(&policy.target).and_then(|name| self.find(&name)) else {
            return buried;
        };
        for some in taken.chunks(MOVED_AT_ONCE) {
            match self.bury_some(queue, &target, some).await {
                Ok(seqs) => buried.extend(seqs),
                Err(error) => note_failure(queue, &error),
            }
        }
        buried
    }

    /// Moves messages in one commit. Those that cannot be read are passed over.
    async fn bury_some(
        &self,
        queue: &Queue,
        target: &Queue,
        taken: &[&Taken],
    ) -> Result<Vec<Seq>, QueueError> {
        let now = self.parts.clock.now();
        let (mut letters, mut forgotten) = (Vec::new(), Vec::new());
        for taken in taken {
            match pump::read(&taken.delivery) {
                Ok(message) => {
                    letters.push(self.letter(queue, message, now));
                    forgotten.push(Exchange {
                        delivery: taken.delivery.id(),
                        from: Footing { due: taken.due, failed: taken.delivery.failed },
                        to: Exchanged::Forgotten,
                    });
                }
                Err(error) => note_failure(queue, &error),
            }
        }
        let seqs = forgotten.iter().map(|exchange| exchange.delivery.seq).collect();
        if !letters.is_empty() {
            self.append(target, letters).await?;
            self.parts.messages.exchange(forgotten).await?;
        }
        Ok(seqs)
    }

    /// What a message becomes in the queue for dead letters.
    fn letter(&self, queue: &Queue, message: Message, now: Timestamp) -> Outgoing {
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
        Outgoing { message: letter, sent_at: now, visible_at: now, expires_at: message.expires_at }
    }
}

fn note_failure(queue: &Queue, error: &QueueError) {
    let (queue, cause) = (&queue.name, std::error::Error::source(error).map(ToString::to_string));
    tracing::warn!(queue = %queue, error = %error, cause, "a message cannot become a dead letter");
}
