//! Attending a line: looks for messages for all who wait, and sleeps until there may be some.
//!
//! One Tokio task attends a queue as long as somebody waits there. It alone takes messages off the store, for
//! everybody at once; what becomes durable about them is the business of each who gets some.

use std::sync::Arc;
use std::time::Duration;

use kulkul_model::Timestamp;
use kulkul_store::{Taken, Takings};

use crate::line::{Attendance, TurnedAway};
use crate::queue::Queue;
use crate::queues::Inner;
use crate::{QueueError, message};

/// How many messages one look takes at most. Their bodies are in memory until they have been answered.
const TAKEN_AT_ONCE: usize = 256;
/// How long a taken message is leased: more than a commit takes. When it runs out early, only one of those who hold the
/// message can keep it.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// The longest sleep, so that what somebody took and dropped is found again.
const SLEEP_MAX: Duration = LEASE;

impl Inner {
    /// Makes sure that somebody attends the line of a queue, and that he looks again.
    pub(crate) fn attend(self: &Arc<Self>, queue: &Arc<Queue>) {
        if queue.line.attend() {
            let (inner, queue) = (Arc::clone(self), Arc::clone(queue));
            self.pumps.spawn(async move { inner.pump(&queue).await });
        } else {
            queue.stirred.notify_one();
        }
    }

    async fn pump(self: Arc<Self>, queue: &Arc<Queue>) {
        let _attendance = Attendance(&queue.line);
        while let Some(wanted) = queue.line.wanted(TAKEN_AT_ONCE) {
            if queue.gone.is_cancelled() {
                queue.line.turn_away(&TurnedAway::Gone(queue.name.clone()));
                continue;
            }
            let next_due = match self.look(queue, wanted).await {
                Ok(takings) => {
                    let rest = queue.line.hand_out(takings.taken);
                    self.give_back(rest).await;
                    takings.next_due
                }
                Err(QueueError::Store(error)) => {
                    queue.line.turn_away(&TurnedAway::Store(error));
                    continue;
                }
                Err(error) => {
                    tracing::error!(queue = %queue.name, error = %error, "cannot look for messages");
                    None
                }
            };
            let now = self.parts.clock.now();
            let stopping = self.stop.is_cancelled();
            if !stopping && next_due.is_some_and(|due| due <= now) {
                // There is more than one look takes: nobody leaves without.
                continue;
            }
            let Some(until) = queue.line.dismiss(if stopping { Timestamp::MAX } else { now }) else {
                continue;
            };
            let wake_at = next_due.map_or(until, |due| due.min(until));
            let sleep = wake_at.since(now).min(SLEEP_MAX);
            tokio::select! {
                () = queue.stirred.notified() => {}
                () = queue.gone.cancelled() => {}
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Takes what is visible. What has expired or is a dead letter by now is dealt with and not among it.
    async fn look(&self, queue: &Queue, wanted: usize) -> Result<Takings, QueueError> {
        self.expire(queue).await?;
        let now = self.parts.clock.now();
        let Takings { mut taken, next_due } =
            self.parts.messages.take(queue.used_queues(), now, now.plus(LEASE), wanted).await?;
        if let Some(policy) = queue.attributes().dead_letter.filter(|policy| policy.enabled) {
            let worn_out = |taken: &&Taken| taken.delivery.failed >= policy.receive_count_max;
            let worn_out: Vec<&Taken> = taken.iter().filter(worn_out).collect();
            let buried = self.bury(queue, &policy, &worn_out).await;
            taken.retain(|taken| !buried.contains(&taken.delivery.record.seq));
        }
        Ok(Takings { taken, next_due })
    }

    /// Gives messages back that nobody gets.
    pub(crate) async fn give_back(&self, taken: Vec<Taken>) {
        if taken.is_empty() {
            return;
        }
        let ids = taken.iter().map(|taken| taken.delivery.id()).collect();
        if let Err(error) = self.parts.messages.give_back(ids).await {
            tracing::warn!(error = %error, "messages that nobody got are free only when their lease runs out");
        }
    }
}

/// Reads a stored message.
pub(crate) fn read(delivery: &kulkul_store::Delivery) -> Result<crate::Message, QueueError> {
    message::read(delivery)
        .map_err(|source| QueueError::Unreadable { key: format!("record {}", delivery.record.seq), source })
}

/// Reads a stored message. One that cannot be read is told of in the log and skipped: it must not keep the others from
/// whoever asks for them.
pub(crate) fn read_or_skip(queue: &Queue, delivery: &kulkul_store::Delivery) -> Option<crate::Message> {
    match read(delivery) {
        Ok(message) => Some(message),
        Err(error) => {
            let (queue, cause) = (&queue.name, std::error::Error::source(&error).map(ToString::to_string));
            tracing::error!(queue = %queue, error = %error, cause, "a message is skipped");
            None
        }
    }
}
