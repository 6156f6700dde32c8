//! BatchReceiveMessage. It answers as soon as there is one message.

use kulkul_model::MessageQueueName;
use kulkul_queue::Quantity;

use super::elements;
use super::error::QueueFault;
use super::parameters::Parameters;
use super::receive_message::wait;
use super::reply::Reply;
use crate::api::Call;

pub(crate) async fn run(
    call: Call<'_>,
    queue: &MessageQueueName,
    parameters: &Parameters<'_>,
) -> Result<Reply, QueueFault> {
    let count_max = count_max(parameters)?;
    let received = call.api.queues.receive(queue, count_max, wait(parameters)?).await?;
    elements::some_messages(received, elements::write_received)
}

/// How many messages are wanted.
pub(crate) fn count_max(parameters: &Parameters<'_>) -> Result<usize, QueueFault> {
    let given = parameters.number("numofmessages", "numOfMessages")?.unwrap_or(1);
    Ok(Quantity::BatchCount.check(given)? as usize)
}
