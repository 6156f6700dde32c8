//! Creating, changing, reading and deleting queues.

use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use kulkul_model::{MessageQueueArn, MessageQueueName, Timestamp, TraceId};

use crate::document::{self, QueueDocument};
use crate::queue::{Queue, Settings};
use crate::{AttributeChanges, Attributes, Counts, QueueError, Queues};

/// Whether a queue was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was.
    New,
    /// There was one of that name with the same attributes.
    Already,
}

/// What is known of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo {
    /// Its name.
    pub name: MessageQueueName,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its attributes were changed.
    pub modified_at: Timestamp,
    /// Its attributes.
    pub attributes: Attributes,
}

/// Some queues, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePage {
    /// They.
    pub queues: Vec<QueueInfo>,
    /// Whether more follow.
    pub more: bool,
}

impl Queue {
    fn info(&self) -> QueueInfo {
        let Settings { attributes, modified_at } = self.settings().0;
        QueueInfo { name: self.name.clone(), created_at: self.created_at, modified_at, attributes }
    }
}

impl Queues {
    /// Creates a queue; `given` changes the default attributes. [`QueueError::QueueExists`] when there is one of that
    /// name with other attributes.
    pub async fn create(
        &self,
        name: &MessageQueueName,
        given: AttributeChanges,
    ) -> Result<Created, QueueError> {
        let attributes = given.apply(Attributes::default())?;
        check_dead_letter_queue(name, &attributes)?;
        let _control = self.0.control.lock().await;
        if let Some(queue) = self.0.find(name) {
            return match queue.attributes().agree_with(&attributes) {
                true => Ok(Created::Already),
                false => Err(QueueError::QueueExists { queue: name.clone() }),
            };
        }
        let now = self.0.parts.clock.now();
        let queue = QueueDocument {
            name: name.clone(),
            incarnation: TraceId::random().as_u128(),
            created_at: now,
            settings: Settings { attributes, modified_at: now },
        };
        let key = document::key(name);
        let revision = self.0.parts.metadata.create(&key, document::write(&queue)).await?;
        self.0.show(Arc::new(Queue::new(queue, revision)));
        Ok(Created::New)
    }

    /// Changes attributes. What was sent before keeps its retention.
    pub async fn set_attributes(
        &self,
        name: &MessageQueueName,
        changes: AttributeChanges,
    ) -> Result<(), QueueError> {
        let _control = self.0.control.lock().await;
        let queue = self.existing(name)?;
        let (Settings { attributes, .. }, at) = queue.settings();
        let attributes = changes.apply(attributes)?;
        check_dead_letter_queue(name, &attributes)?;
        let settings = Settings { attributes, modified_at: self.0.parts.clock.now() };
        let stored = document::write(&queue.document(settings.clone()));
        let revision = self.0.parts.metadata.replace(&document::key(name), at, stored).await?;
        queue.set_settings(settings, revision);
        Ok(())
    }

    /// What is known of a queue, with the numbers of its messages.
    pub async fn get(&self, name: &MessageQueueName) -> Result<(QueueInfo, Counts), QueueError> {
        let queue = self.existing(name)?;
        let counts = self.0.count(&queue).await?;
        Ok((queue.info(), counts))
    }

    /// The queues whose names start with `prefix`, from the first after `after`, at most `count_max`.
    pub fn list(&self, prefix: &str, after: Option<&MessageQueueName>, count_max: usize) -> QueuePage {
        let queues = self.0.all();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = queues.range::<MessageQueueName, _>((from, Bound::Unbounded)).map(|(_, queue)| queue);
        let mut found = found.by_ref().filter(|queue| queue.name.as_str().starts_with(prefix));
        let page = found.by_ref().take(count_max).map(|queue| queue.info()).collect();
        QueuePage { queues: page, more: found.next().is_some() }
    }

    /// Deletes a queue with its messages; whoever waits at it is told. `Ok(false)` when there was none.
    pub async fn delete(&self, name: &MessageQueueName) -> Result<bool, QueueError> {
        let _control = self.0.control.lock().await;
        let Some(queue) = self.0.find(name) else { return Ok(false) };
        self.0.parts.metadata.delete(&document::key(name), None).await?;
        self.0.queues.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        queue.gone.cancel();
        self.0.purge(&queue).await?;
        Ok(true)
    }
}

impl crate::queues::Inner {
    /// Drops the messages of a queue that is gone.
    pub(crate) async fn purge(&self, queue: &Queue) -> Result<(), QueueError> {
        for id in queue.ids.all() {
            self.parts.log.purge(id).await?;
        }
        Ok(())
    }
}

/// Finds out which queue gets the dead letters of `name`, and refuses what can never work.
fn check_dead_letter_queue(name: &MessageQueueName, attributes: &Attributes) -> Result<(), QueueError> {
    let Some(policy) = &attributes.dead_letter else { return Ok(()) };
    match dead_letter_queue(&policy.target) {
        Some(target) if target != *name => Ok(()),
        _ => Err(QueueError::BadDeadLetterQueue { target: policy.target.clone() }),
    }
}

/// The queue that a name or ARN means.
pub(crate) fn dead_letter_queue(target: &str) -> Option<MessageQueueName> {
    let by_arn = target.parse::<MessageQueueArn>().ok().map(|arn| arn.queue);
    by_arn.or_else(|| target.parse().ok())
}
