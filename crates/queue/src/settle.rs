//! What a receipt is good for: deleting a message, and putting it off.

use std::time::Duration;

use kulkul_model::{MessageQueueName, Timestamp};
use kulkul_store::{DeliveryId, Exchange, Exchanged, Footing};

use crate::queue::Queue;
use crate::receipt::Receipt;
use crate::{Quantity, QueueError, Queues};

impl Queues {
    /// Deletes messages, and tells of each receipt whether it was good: else [`QueueError::BadReceipt`] or
    /// [`QueueError::StaleReceipt`]. Those whose receipt was good are deleted, whatever the others are.
    pub async fn delete_messages(
        &self,
        name: &MessageQueueName,
        receipts: &[&str],
    ) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        Quantity::BatchCount.check(receipts.len() as u64)?;
        let queue = self.existing(name)?;
        let now = self.0.parts.clock.now();
        let read: Vec<_> = receipts.iter().map(|text| queue.read_receipt(text, now)).collect();
        let good = read.iter().filter_map(|receipt| receipt.as_ref().ok());
        let exchanges: Vec<_> = good.map(|receipt| queue.exchange(receipt, Exchanged::Forgotten)).collect();
        let mut deleted = match exchanges.is_empty() {
            true => Vec::new(),
            false => self.0.parts.messages.exchange(exchanges).await?,
        }
        .into_iter();
        let outcome = |read: Result<Receipt, QueueError>| match read {
            Ok(_) if deleted.next().unwrap_or(false) => Ok(()),
            Ok(_) => Err(QueueError::StaleReceipt),
            Err(error) => Err(error),
        };
        Ok(read.into_iter().map(outcome).collect())
    }

    /// Makes a message visible again `timeout` from now. Returns its new receipt, and when that is.
    pub async fn change_visibility(
        &self,
        name: &MessageQueueName,
        receipt: &str,
        timeout: Duration,
    ) -> Result<(String, Timestamp), QueueError> {
        Quantity::Visibility.check(timeout.as_secs())?;
        let queue = self.existing(name)?;
        let now = self.0.parts.clock.now();
        let former = queue.read_receipt(receipt, now)?;
        let mut due = now.plus(timeout);
        if due == former.footing.due {
            // Another millisecond makes another receipt: the former one is no longer good.
            due = due.plus(Duration::from_millis(1));
        }
        let at = Footing { due, ..former.footing };
        let exchange = queue.exchange(&former, Exchanged::PutOff { at, note: None });
        match self.0.parts.messages.exchange(vec![exchange]).await?.as_slice() {
            [true] => {
                queue.stirred.notify_one();
                Ok((queue.seal.write(&Receipt { footing: at, ..former }), due))
            }
            _ => Err(QueueError::StaleReceipt),
        }
    }
}

impl Queue {
    /// Reads a receipt. It is good until the message is visible.
    fn read_receipt(&self, text: &str, now: Timestamp) -> Result<Receipt, QueueError> {
        let receipt = self.seal.read(text)?;
        match now < receipt.footing.due {
            true => Ok(receipt),
            false => Err(QueueError::StaleReceipt),
        }
    }

    pub(crate) fn exchange(&self, receipt: &Receipt, to: Exchanged) -> Exchange {
        let queue = self.ids.priorities[receipt.priority.index()].clone();
        Exchange { delivery: DeliveryId { seq: receipt.seq, queue }, from: receipt.footing, to }
    }
}
