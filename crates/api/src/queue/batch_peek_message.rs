//! BatchPeekMessage.

use kulkul_model::MessageQueueName;

use super::batch_receive_message::count_max;
use super::elements;
use super::error::QueueFault;
use super::parameters::Parameters;
use super::reply::Reply;
use crate::api::Call;

pub(crate) async fn run(
    call: Call<'_>,
    queue: &MessageQueueName,
    parameters: &Parameters<'_>,
) -> Result<Reply, QueueFault> {
    let messages = call.api.queues.peek(queue, count_max(parameters)?).await?;
    elements::some_messages(messages, elements::write_peeked)
}
