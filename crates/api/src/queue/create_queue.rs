//! CreateQueue.

use bytes::Bytes;
use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::Created;

use super::elements;
use super::error::QueueFault;
use super::reply::{Reply, base_url};
use crate::api::Call;

pub(crate) async fn run(call: Call<'_>, queue: &MessageQueueName, body: &Bytes) -> Result<Reply, QueueFault> {
    let status = match call.api.queues.create(queue, elements::attributes(body)?).await? {
        Created::New => StatusCode::CREATED,
        Created::Already => StatusCode::NO_CONTENT,
    };
    Ok(Reply::empty(status).at(url(call, queue)))
}

/// Where a queue is, as this client calls it.
pub(crate) fn url(call: Call<'_>, queue: &MessageQueueName) -> String {
    format!("{}/queues/{queue}", base_url(call))
}
