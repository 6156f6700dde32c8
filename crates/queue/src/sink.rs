//! Queues as targets of events.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_delivery::{QueueSink, SinkError};
use kulkul_model::MessageQueueName;

use crate::{NewMessage, QueueError, Queues, SizeLimit};

impl QueueSink for Queues {
    /// Delay and priority are those of the queue.
    fn send<'a>(&'a self, queue: &'a MessageQueueName, body: Bytes) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let refused = |reason: &str| SinkError::Refused { reason: reason.to_owned() };
            let text = String::from_utf8(body.into()).map_err(|_| refused("the message is not text"))?;
            if !text.chars().all(kulkul_xml::can_hold) {
                return Err(refused("the message has characters that no client could receive"));
            }
            let message = NewMessage { text, ..NewMessage::default() };
            match Queues::send(self, queue, vec![message], SizeLimit::OfQueue).await {
                Ok(_) => Ok(()),
                Err(QueueError::UnknownQueue { queue }) => {
                    Err(SinkError::Missing { what: format!("queue `{queue}`") })
                }
                Err(QueueError::Store(error)) => Err(error.into()),
                Err(error) => Err(SinkError::Refused { reason: error.to_string() }),
            }
        })
    }
}
