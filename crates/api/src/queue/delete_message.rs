//! DeleteMessage.

use kulkul_model::MessageQueueName;

use super::error::{Code, QueueFault};
use super::parameters::Parameters;
use super::reply::Reply;
use crate::api::Call;

pub(crate) async fn run(
    call: Call<'_>,
    queue: &MessageQueueName,
    parameters: &Parameters<'_>,
) -> Result<Reply, QueueFault> {
    let receipt = receipt(parameters)?;
    let outcomes = call.api.queues.delete_messages(queue, &[receipt]).await?;
    outcomes.into_iter().collect::<Result<(), _>>()?;
    Ok(Reply::no_content())
}

/// The handle that a request must have.
pub(crate) fn receipt<'a>(parameters: &'a Parameters<'_>) -> Result<&'a str, QueueFault> {
    let given = parameters.get("receipthandle").filter(|receipt| !receipt.is_empty());
    given.ok_or(QueueFault::new(Code::MissingReceiptHandle))
}
