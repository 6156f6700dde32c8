//! Receiving messages.

use std::time::Duration;

use kulkul_model::{MessageQueueName, Timestamp};
use kulkul_store::{Exchange, Exchanged, Footing, StoreError, Taken};

use crate::line::TurnedAway;
use crate::queue::Queue;
use crate::receipt::Receipt;
use crate::{Message, Quantity, QueueError, Queues, message, pump};

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The message; this receive is counted.
    pub message: Message,
    /// What deletes it, or puts it off.
    pub receipt: String,
    /// When it is visible again.
    pub visible_at: Timestamp,
}

impl Queues {
    /// Receives 1 to `count_max` messages. Waits for the first one at most `wait`, or as the queue says; without any
    /// by then, returns none.
    ///
    /// Dropping the future takes nothing, except in the moment of the commit: then messages stay invisible for their
    /// time-out.
    pub async fn receive(
        &self,
        name: &MessageQueueName,
        count_max: usize,
        wait: Option<Duration>,
    ) -> Result<Vec<Received>, QueueError> {
        Quantity::BatchCount.check(count_max as u64)?;
        if let Some(wait) = wait {
            Quantity::Wait.check(wait.as_secs())?;
        }
        let queue = self.existing(name)?;
        let wait = wait.unwrap_or(queue.attributes().polling_wait);
        let until = self.0.parts.clock.now().plus(wait);
        loop {
            let length_max = self.0.parts.options.waiter_count_max;
            let Some(turn) = queue.line.join(count_max, until, length_max) else { return Ok(Vec::new()) };
            self.0.attend(&queue);
            let taken = match turn.await {
                Ok(Ok(taken)) => taken,
                Ok(Err(TurnedAway::Gone(queue))) => return Err(QueueError::UnknownQueue { queue }),
                Ok(Err(TurnedAway::Store(error))) => return Err(error.into()),
                // Whoever attended the line has panicked, which is logged; nobody else can tell.
                Err(_) => return Err(StoreError::Closed.into()),
            };
            if taken.is_empty() {
                return Ok(Vec::new());
            }
            let received = self.keep(&queue, taken).await?;
            // All of them were deleted, or expired, between being taken and being kept, or nobody can read them: wait
            // on.
            if !received.is_empty() {
                return Ok(received);
            }
        }
    }

    /// Makes durable that messages were received.
    async fn keep(&self, queue: &Queue, taken: Vec<Taken>) -> Result<Vec<Received>, QueueError> {
        let now = self.0.parts.clock.now();
        let visible_at = now.plus(queue.attributes().visibility);
        let mut received = Vec::with_capacity(taken.len());
        let mut exchanges = Vec::with_capacity(taken.len());
        for Taken { delivery, due } in &taken {
            let Some(mut message) = pump::read_or_skip(queue, delivery) else { continue };
            if message.expires_at <= now {
                continue;
            }
            let first_received_at = *message.first_received_at.get_or_insert(now);
            message.received_count += 1;
            let from = Footing { due: *due, failed: delivery.failed };
            let at = Footing { due: visible_at, failed: message.received_count };
            let to = Exchanged::PutOff { at, note: Some(message::write_note(first_received_at)) };
            exchanges.push(Exchange { delivery: delivery.id(), from, to });
            let receipt = Receipt { priority: message.priority, seq: delivery.record.seq, footing: at };
            received.push(Received { receipt: queue.seal.write(&receipt), message, visible_at });
        }
        if exchanges.is_empty() {
            return Ok(received);
        }
        let kept = match self.0.parts.messages.exchange(exchanges).await {
            Ok(kept) => kept,
            Err(error) => {
                self.0.give_back(taken).await;
                return Err(error.into());
            }
        };
        let mut kept = kept.into_iter();
        received.retain(|_| kept.next().unwrap_or(false));
        Ok(received)
    }
}
