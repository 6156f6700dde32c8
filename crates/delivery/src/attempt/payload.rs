//! What a target receives.

use bytes::Bytes;
use kulkul_model::Event;
use kulkul_store::Record;
use kulkul_transform::{TooLarge, Transform};

use crate::Delivery;

/// What a note begins with that holds more than a payload: the parts of a request to an API destination. A payload is
/// text in UTF-8, in which there is no such byte.
pub(super) const PARTS_MARK: u8 = 0xff;

/// A payload, and what of it later attempts must find again.
pub(super) struct Payload {
    pub(super) bytes: Bytes,
    /// The payload, unless it is the event itself.
    pub(super) sent: Option<Bytes>,
}

/// What `body` makes of the event of a delivery. An event is transformed once: what was made at the first attempt is
/// used again, although the target may have been changed meanwhile; but not what was made for an API destination, when the
/// target was one before.
pub(super) fn payload(body: &Transform, delivery: &Delivery) -> Result<Payload, TooLarge> {
    if body.is_original() {
        return Ok(Payload { bytes: delivery.record.body.clone(), sent: None });
    }
    let bytes = match &delivery.note {
        Some(kept) if !kept.starts_with(&[PARTS_MARK]) => kept.clone(),
        _ => body.apply(&event_of(&delivery.record))?,
    };
    Ok(Payload { sent: Some(bytes.clone()), bytes })
}

/// The event of a record.
pub(super) fn event_of(record: &Record) -> Event {
    let key = &record.key;
    let subject = Some(key.subject.clone()).filter(|subject| !subject.is_empty());
    Event::from_stored(record.body.clone(), key.id.clone(), key.source.clone(), key.kind.clone(), subject)
}
