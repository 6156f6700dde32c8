//! ReceiveMessage.

use std::time::Duration;

use kulkul_model::MessageQueueName;
use kulkul_queue::Quantity;

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
    let received = call.api.queues.receive(queue, 1, wait(parameters)?).await?;
    elements::one_message(received, elements::write_received)
}

/// How long to wait; `None`: as the queue says.
pub(crate) fn wait(parameters: &Parameters<'_>) -> Result<Option<Duration>, QueueFault> {
    let seconds = parameters.number("waitseconds", "waitseconds")?;
    Ok(seconds.map(|seconds| Quantity::Wait.seconds(seconds)).transpose()?)
}
