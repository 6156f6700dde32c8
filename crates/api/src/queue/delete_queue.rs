//! DeleteQueue. It has no errors of its own: a queue that is not there is deleted, too.

use kulkul_model::MessageQueueName;

use super::error::QueueFault;
use super::reply::Reply;
use crate::api::Call;

pub(crate) async fn run(call: Call<'_>, queue: &MessageQueueName) -> Result<Reply, QueueFault> {
    call.api.queues.delete(queue).await?;
    Ok(Reply::no_content())
}
