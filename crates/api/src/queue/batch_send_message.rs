//! BatchSendMessage: all messages, or none.

use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::{Quantity, SizeLimit};
use kulkul_xml::Element;

use super::elements;
use super::error::QueueFault;
use super::reply::{self, Reply};
use super::send_message::write;
use crate::api::Call;

pub(crate) async fn run(
    call: Call<'_>,
    queue: &MessageQueueName,
    document: &Element,
) -> Result<Reply, QueueFault> {
    let messages = document.children.iter().map(elements::new_message).collect::<Result<Vec<_>, _>>()?;
    Quantity::BatchCount
        .check(messages.len() as u64)
        .map_err(|_| QueueFault::out_of_range("Messages", Quantity::BatchCount))?;
    let sent = call.api.queues.send(queue, messages, SizeLimit::OfQueue).await?;
    let mut xml = reply::root("Messages");
    for sent in &sent {
        xml.open("Message");
        write(&mut xml, sent);
        xml.close("Message");
    }
    xml.close("Messages");
    Ok(Reply::document(StatusCode::CREATED, xml))
}
