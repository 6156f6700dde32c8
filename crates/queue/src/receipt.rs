//! Receipts: what a consumer shows to delete a message, or to put it off.
//!
//! `1-{priority}-{place}-{receives}-{good until}-{seal}`, numbers in hexadecimal. Only letters, digits and `-`, since
//! clients put receipts into queries with and without encoding them.

use hmac::{Hmac, KeyInit, Mac};
use kulkul_model::Timestamp;
use kulkul_store::{Footing, Seq};
use sha2::Sha256;

use crate::{Priority, QueueError};

/// The bytes of a seal: enough that nobody makes one up, and a receipt stays short.
const SEAL_BYTES: usize = 8;

/// Where a message stands until its receipt is used or runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) priority: Priority,
    pub(crate) seq: Seq,
    pub(crate) footing: Footing,
}

/// Makes and reads the receipts of one queue. What another queue made, this one does not know, although both may once
/// have had the same name.
pub(crate) struct Seal(Hmac<Sha256>);

impl Seal {
    pub(crate) fn new(key: u128) -> Self {
        Self(Hmac::new_from_slice(&key.to_be_bytes()).expect("an HMAC takes keys of any length"))
    }

    pub(crate) fn write(&self, receipt: &Receipt) -> String {
        let Receipt { priority, seq, footing } = receipt;
        let due = footing.due.as_millis();
        let text = format!("1-{:X}-{:X}-{:X}-{due:X}", priority.number(), seq.0, footing.failed);
        let seal = self.seal(&text);
        format!("{text}-{seal}")
    }

    pub(crate) fn read(&self, text: &str) -> Result<Receipt, QueueError> {
        self.parse(text).ok_or(QueueError::BadReceipt)
    }

    fn parse(&self, text: &str) -> Option<Receipt> {
        let (sealed, seal) = text.rsplit_once('-')?;
        (self.seal(sealed) == seal).then_some(())?;
        let parts: Vec<&str> = sealed.split('-').collect();
        let &["1", priority, seq, failed, due] = parts.as_slice() else { return None };
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let due = Timestamp::from_millis(i64::from_str_radix(due, 16).ok()?);
        Some(Receipt {
            priority: Priority::new(number(priority)?).ok()?,
            seq: Seq(number(seq)?),
            footing: Footing { due, failed: u32::try_from(number(failed)?).ok()? },
        })
    }

    fn seal(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        hex::encode_upper(&mac.finalize().into_bytes()[..SEAL_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receipt(priority: u64, seq: u64, failed: u32, due: i64) -> Receipt {
        let footing = Footing { due: Timestamp::from_millis(due), failed };
        Receipt { priority: Priority::new(priority).unwrap(), seq: Seq(seq), footing }
    }

    proptest! {
        #[test]
        fn a_receipt_reads_back_in_its_own_queue_only(
            priority in 1u64..=16, seq: u64, failed: u32, due in 0..i64::MAX, key: u128,
        ) {
            let receipt = receipt(priority, seq, failed, due);
            let text = Seal::new(key).write(&receipt);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{}", text);
            prop_assert_eq!(Seal::new(key).read(&text).unwrap(), receipt);
            prop_assert!(matches!(Seal::new(!key).read(&text), Err(QueueError::BadReceipt)));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text: String, near in "1-[0-9A-F-]{0,40}") {
            let seal = Seal::new(7);
            prop_assert!(seal.read(&text).is_err());
            let sealed = format!("{near}-{}", seal.seal(&near));
            let _whatever = seal.read(&sealed);
        }
    }

    #[test]
    fn a_changed_receipt_is_none() {
        let seal = Seal::new(7);
        let text = seal.write(&receipt(8, 255, 2, 1_700_000_000_000));
        assert!(text.starts_with("1-8-FF-2-18BCFE56800-"), "{text}");
        for changed in [text.replace("-FF-", "-FE-"), text.to_lowercase(), format!("{text}0"), String::new()]
        {
            assert!(matches!(seal.read(&changed), Err(QueueError::BadReceipt)), "{changed}");
        }
    }
}
