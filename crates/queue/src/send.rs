//! Sending messages.

use kulkul_model::{MessageQueueName, Timestamp, TraceId};
use kulkul_store::{Footing, NewRecord, QueueId, RecordKey, Route};

use crate::message::{self, text_md5};
use crate::queue::Queue;
use crate::queues::Inner;
use crate::receipt::Receipt;
use crate::{Attributes, NewMessage, Quantity, QueueError, Queues};

/// The most messages in one request. Source: Simple Message Queue 2015-06-06, "BatchSendMessage".
pub const BATCH_COUNT_MAX: usize = Quantity::BatchCount.limits().1 as usize;

/// The largest size of all messages in one request, in bytes. Source: the same.
pub const BATCH_BYTES_MAX: usize = Quantity::BatchSize.limits().1 as usize;

/// Whether the size of a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLimit {
    /// What is larger than the queue takes is refused.
    OfQueue,
    /// It does not: better a large dead letter than a lost event.
    None,
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// The MD5 of its text, in upper-case hexadecimal.
    pub text_md5: String,
    /// When it was delayed: what deletes it, or changes its delay, before it is visible.
    pub receipt: Option<String>,
}

/// A message on its way into a queue.
pub(crate) struct Outgoing {
    pub(crate) message: NewMessage,
    pub(crate) sent_at: Timestamp,
    pub(crate) visible_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Queues {
    /// Sends messages: all of them are stored, or none. They are durable when this returns.
    pub async fn send(
        &self,
        name: &MessageQueueName,
        messages: Vec<NewMessage>,
        limit: SizeLimit,
    ) -> Result<Vec<Sent>, QueueError> {
        let queue = self.existing(name)?;
        let attributes = queue.attributes();
        check(&messages, &attributes, limit)?;
        let now = self.0.parts.clock.now();
        let outgoing = |message: NewMessage| {
            let delay = match message.delay_secs {
                Some(secs) => Quantity::Delay.seconds(secs)?,
                None => attributes.delay,
            };
            let expires_at = now.plus(attributes.retention);
            Ok(Outgoing { message, sent_at: now, visible_at: now.plus(delay), expires_at })
        };
        let outgoing = messages.into_iter().map(outgoing).collect::<Result<_, QueueError>>()?;
        self.0.append(&queue, outgoing).await
    }
}

impl Inner {
    /// Stores messages.
    pub(crate) async fn append(
        &self,
        queue: &Queue,
        outgoing: Vec<Outgoing>,
    ) -> Result<Vec<Sent>, QueueError> {
        let mut sent = Vec::with_capacity(outgoing.len());
        let mut records = Vec::with_capacity(outgoing.len());
        for Outgoing { message, sent_at, visible_at, expires_at } in outgoing {
            let (id, text_md5, priority) = (TraceId::random(), text_md5(&message.text), message.priority);
            queue.use_priority(priority);
            queue.expires(expires_at);
            let body = message::write(message, text_md5.clone(), expires_at);
            let places =
                [(&queue.ids.priorities[priority.index()], visible_at), (&queue.ids.expiry, expires_at)];
            records.push(queue.record(id, body, sent_at, places));
            let delayed = (visible_at > sent_at).then_some((priority, visible_at));
            sent.push((Sent { id: id_text(id), text_md5, receipt: None }, delayed));
        }
        let seqs = self.parts.log.append(records).await?;
        if queue.gone.is_cancelled() {
            // It was emptied meanwhile, perhaps before these came.
            self.purge(queue).await?;
        }
        queue.stirred.notify_one();
        let with_receipt = |(seq, (sent, delayed)): (_, (Sent, Option<_>))| {
            let receipt = delayed.map(|(priority, due)| {
                queue.seal.write(&Receipt { priority, seq, footing: Footing { due, failed: 0 } })
            });
            Sent { receipt, ..sent }
        };
        Ok(seqs.into_iter().zip(sent).map(with_receipt).collect())
    }
}

impl Queue {
    fn record(
        &self,
        id: TraceId,
        body: bytes::Bytes,
        sent_at: Timestamp,
        places: [(&QueueId, Timestamp); 2],
    ) -> NewRecord {
        let route = |(queue, not_before): (&QueueId, Timestamp)| Route {
            queue: queue.clone(),
            not_before,
            leased_until: None,
        };
        NewRecord {
            key: RecordKey {
                log: self.ids.log.clone(),
                id: id_text(id),
                source: String::new(),
                kind: String::new(),
                subject: String::new(),
            },
            trace_id: id,
            accepted_at: sent_at,
            body,
            routes: places.map(route).into(),
        }
    }
}

/// The id of a message: 32 hexadecimal digits, upper case.
fn id_text(id: TraceId) -> String {
    format!("{:032X}", id.as_u128())
}

fn check(messages: &[NewMessage], attributes: &Attributes, limit: SizeLimit) -> Result<(), QueueError> {
    Quantity::BatchCount.check(messages.len() as u64)?;
    messages.iter().try_for_each(NewMessage::check)?;
    if limit == SizeLimit::None {
        return Ok(());
    }
    let bytes_max = attributes.message_bytes_max;
    if messages.iter().any(|message| message.size() > bytes_max) {
        return Err(QueueError::TooLarge { bytes_max });
    }
    let all = messages.iter().map(NewMessage::size).sum::<usize>();
    Quantity::BatchSize.check(all as u64).map(drop)
}
