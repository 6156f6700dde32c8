//! What a target receives of an event.
//!
//! A [`Transform`] is checked when a target is created and cannot fail afterwards: an event that lacks what it asks
//! for gives empty text. It is pure, and an event cannot make it substitute a second time.

mod notification;

use bytes::Bytes;
use kulkul_model::Event;

/// How the event becomes what the target receives.
///
/// Source: EventBridge 2020-04-01, "Event transformation".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// The complete event as compact JSON.
    Original,
    /// A fixed text, without any substitution.
    Constant(Bytes),
    /// The notification that an object trigger gives to a function, made from an `acs.oss` event.
    ///
    /// Source: Function Compute 2023-03-30, OSS triggers; it is no form of EventBridge.
    ObjectNotification,
}

impl Transform {
    /// What the target receives of `event`.
    pub fn apply(&self, event: &Event) -> Bytes {
        match self {
            Self::Original => event.json().clone(),
            Self::Constant(text) => text.clone(),
            Self::ObjectNotification => notification::of(event),
        }
    }

    /// Whether the result is the event itself, so that nobody needs to keep it.
    pub fn is_original(&self) -> bool {
        matches!(self, Self::Original)
    }
}
