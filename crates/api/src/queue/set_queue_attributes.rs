//! SetQueueAttributes: what is not named stays.

use bytes::Bytes;
use kulkul_model::MessageQueueName;

use super::elements;
use super::error::QueueFault;
use super::reply::Reply;
use crate::api::Call;

pub(crate) async fn run(call: Call<'_>, queue: &MessageQueueName, body: &Bytes) -> Result<Reply, QueueFault> {
    call.api.queues.set_attributes(queue, elements::attributes(body)?).await?;
    Ok(Reply::no_content())
}
