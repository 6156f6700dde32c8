//! ChangeMessageVisibility.

use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::Quantity;

use super::delete_message::receipt;
use super::elements::millis;
use super::error::{Code, QueueFault};
use super::parameters::Parameters;
use super::reply::{self, Reply};
use crate::api::Call;

pub(crate) async fn run(
    call: Call<'_>,
    queue: &MessageQueueName,
    parameters: &Parameters<'_>,
) -> Result<Reply, QueueFault> {
    let former = receipt(parameters)?;
    let seconds = parameters.number("visibilitytimeout", "VisibilityTimeout")?;
    let seconds = seconds.ok_or(QueueFault::new(Code::MissingVisibilityTimeout))?;
    let timeout = Quantity::Visibility.seconds(seconds)?;
    let (receipt, visible_at) = call.api.queues.change_visibility(queue, former, timeout).await?;
    let mut xml = reply::root("ChangeVisibility");
    xml.text("ReceiptHandle", &receipt);
    millis(&mut xml, "NextVisibleTime", visible_at);
    xml.close("ChangeVisibility");
    Ok(Reply::document(StatusCode::OK, xml))
}
