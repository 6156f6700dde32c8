//! GetQueueAttributes.

use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::{Counts, QueueInfo};
use kulkul_xml::Xml;

use super::elements::seconds;
use super::error::QueueFault;
use super::reply::{self, Reply};
use crate::api::Call;

pub(crate) async fn run(call: Call<'_>, queue: &MessageQueueName) -> Result<Reply, QueueFault> {
    let (info, counts) = call.api.queues.get(queue).await?;
    let mut xml = reply::root("Queue");
    write(&mut xml, &info, counts);
    xml.close("Queue");
    Ok(Reply::document(StatusCode::OK, xml))
}

/// Writes the attributes of a queue. A client demands each of the twelve.
pub(crate) fn write(xml: &mut Xml, info: &QueueInfo, counts: Counts) {
    let attributes = &info.attributes;
    xml.text("QueueName", info.name.as_str());
    seconds(xml, "CreateTime", info.created_at);
    seconds(xml, "LastModifyTime", info.modified_at);
    xml.number("DelaySeconds", attributes.delay.as_secs());
    xml.number("MaximumMessageSize", attributes.message_bytes_max as u64);
    xml.number("MessageRetentionPeriod", attributes.retention.as_secs());
    xml.number("VisibilityTimeout", attributes.visibility.as_secs());
    xml.number("PollingWaitSeconds", attributes.polling_wait.as_secs());
    xml.number("ActiveMessages", counts.active);
    xml.number("InactiveMessages", counts.inactive);
    xml.number("DelayMessages", counts.delayed);
    xml.text("LoggingEnabled", if attributes.logging { "True" } else { "False" });
}
