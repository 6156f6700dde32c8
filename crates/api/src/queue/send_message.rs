//! SendMessage.

use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::{Sent, SizeLimit};
use kulkul_xml::{Element, Xml};

use super::elements;
use super::error::QueueFault;
use super::reply::{self, Reply};
use crate::api::Call;

pub(crate) async fn run(
    call: Call<'_>,
    queue: &MessageQueueName,
    document: &Element,
) -> Result<Reply, QueueFault> {
    let message = elements::new_message(document)?;
    let group = message.group.clone();
    let sent = call.api.queues.send(queue, vec![message], SizeLimit::OfQueue).await?;
    let mut xml = reply::root("Message");
    for sent in &sent {
        write(&mut xml, sent);
        if let Some(receipt) = &sent.receipt {
            xml.text("ReceiptHandle", receipt);
        }
    }
    if let Some(group) = &group {
        xml.text("MessageGroupId", group);
    }
    xml.close("Message");
    Ok(Reply::document(StatusCode::CREATED, xml))
}

/// Writes what is always told of a message that was sent.
pub(crate) fn write(xml: &mut Xml, sent: &Sent) {
    xml.text("MessageId", &sent.id);
    xml.text("MessageBodyMD5", &sent.text_md5);
}
