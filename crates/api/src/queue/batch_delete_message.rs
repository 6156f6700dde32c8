//! BatchDeleteMessage. What can be deleted is, and the answer lists what could not.

use bytes::Bytes;
use http::StatusCode;
use kulkul_model::MessageQueueName;
use kulkul_queue::{Quantity, QueueError};
use kulkul_xml::Element;

use super::elements;
use super::error::{Code, QueueFault};
use super::reply::{self, Reply};
use crate::api::Call;

pub(crate) async fn run(call: Call<'_>, queue: &MessageQueueName, body: &Bytes) -> Result<Reply, QueueFault> {
    if body.is_empty() {
        return Err(QueueFault::new(Code::MissingReceiptHandle));
    }
    let document = elements::parse_root(body, "ReceiptHandles")?;
    let receipts = receipts(&document)?;
    let outcomes = call.api.queues.delete_messages(queue, &receipts).await?;
    let failed = receipts
        .into_iter()
        .zip(outcomes)
        .filter_map(|(receipt, outcome)| outcome.err().map(|error| (receipt, error)));
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() {
        return Ok(Reply::no_content());
    }
    let any_stale = failed.iter().any(|(_, error)| matches!(error, QueueError::StaleReceipt));
    let status = if any_stale { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
    let mut xml = reply::root("Errors");
    for (receipt, error) in failed {
        let fault = QueueFault::from(error);
        // Exactly these three: a client compares.
        xml.open("Error");
        xml.text("ErrorCode", fault.code.as_str());
        xml.text("ErrorMessage", &fault.message);
        xml.text("ReceiptHandle", receipt);
        xml.close("Error");
    }
    xml.close("Errors");
    Ok(Reply::document(status, xml))
}

/// One client writes the name of the elements with a small letter.
fn receipts(document: &Element) -> Result<Vec<&str>, QueueFault> {
    let named = document.children.iter().filter(|child| child.name.eq_ignore_ascii_case("ReceiptHandle"));
    let receipts: Vec<&str> = named.map(|child| child.text.trim()).collect();
    match Quantity::BatchCount.check(receipts.len() as u64) {
        Ok(_) => Ok(receipts),
        Err(_) => Err(QueueFault::out_of_range("ReceiptHandles", Quantity::BatchCount)),
    }
}
