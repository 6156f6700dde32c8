//! ListQueue, which has its parameters in headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::QueueError;

use super::create_queue::url;
use super::error::{Code, QueueFault};
use super::get_queue_attributes;
use super::reply::{self, Reply};
use crate::api::Call;

/// Source: Simple Message Queue 2015-06-06, "ListQueue".
const COUNT_MAX: usize = 1000;

pub(crate) async fn run(call: Call<'_>) -> Result<Reply, QueueFault> {
    let count_max = count_max(call.header("x-mns-ret-number"))?;
    let after =
        call.header("x-mns-marker").filter(|marker| !marker.is_empty()).map(read_marker).transpose()?;
    let prefix = call.header("x-mns-prefix").unwrap_or_default();
    let with_meta = call.header("x-mns-with-meta").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let page = call.api.queues.list(prefix, after.as_ref(), count_max);
    let mut xml = reply::root("Queues");
    for queue in &page.queues {
        let counted = match with_meta {
            true => match call.api.queues.get(&queue.name).await {
                Ok(counted) => Some(counted),
                // It was deleted meanwhile.
                Err(QueueError::UnknownQueue { .. }) => continue,
                Err(error) => return Err(error.into()),
            },
            false => None,
        };
        xml.open("Queue");
        xml.text("QueueURL", &url(call, &queue.name));
        if let Some((info, counts)) = counted {
            get_queue_attributes::write(&mut xml, &info, counts);
        }
        xml.close("Queue");
    }
    // Not an empty one: a client fails on it.
    if let Some(last) = page.queues.last().filter(|_| page.more) {
        xml.text("NextMarker", &STANDARD.encode(last.name.as_str()));
    }
    xml.close("Queues");
    Ok(Reply::document(StatusCode::OK, xml))
}

fn count_max(given: Option<&str>) -> Result<usize, QueueFault> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(COUNT_MAX) };
    let number = given.parse().ok().filter(|number| (1..=COUNT_MAX).contains(number));
    number.ok_or_else(|| {
        let message = format!("The value of x-mns-ret-number should between 1 and {COUNT_MAX}.");
        QueueFault::with(Code::InvalidArgument, message)
    })
}

fn read_marker(marker: &str) -> Result<MessageQueueName, QueueFault> {
    let decoded = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.and_then(|name| name.parse().ok()).ok_or_else(|| {
        QueueFault::with(Code::InvalidArgument, "The value of x-mns-marker is none that this server made.")
    })
}
