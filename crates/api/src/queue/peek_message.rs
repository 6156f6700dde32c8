//! PeekMessage: looks without receiving, and never waits.

use kulkul_model::MessageQueueName;

use super::elements;
use super::error::QueueFault;
use super::reply::Reply;
use crate::api::Call;

pub(crate) async fn run(call: Call<'_>, queue: &MessageQueueName) -> Result<Reply, QueueFault> {
    elements::one_message(call.api.queues.peek(queue, 1).await?, elements::write_peeked)
}
