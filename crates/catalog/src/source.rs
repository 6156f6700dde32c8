//! An event source and the types of its events.

use std::borrow::Cow;
use std::sync::Arc;

use kulkul_model::Timestamp;

use crate::Category;

/// Text that is part of the program, or that somebody added at run time.
pub(crate) type Text = Cow<'static, str>;

/// How the string of an event type is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The exact string stands in public documentation, or in a public official SDK or repository.
    Documented,
    /// The string follows a documented form from documented parts; the whole was not seen.
    Convention,
    /// Something in the string is a guess.
    Inferred,
    /// Somebody who runs this server added it.
    Added,
}

/// How the layout of the `data` of an event type is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// The layout is documented; values are made up.
    Documented,
    /// Some of the members are documented.
    Partial,
    /// The documented layout of the same fact elsewhere, in a notification say.
    Adapted,
    /// By analogy with other events.
    Inferred,
    /// Somebody who runs this server gave it.
    Added,
    /// Nobody knows. That is not the same as empty.
    Unknown,
}

/// Where a source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is part of the program; users may have corrected it or added types.
    Builtin,
    /// A file or an API call added it to the catalog.
    Addition,
    /// It is registered on this event bus.
    UserDefined {
        /// The name of the bus.
        bus: String,
    },
}

/// A producer of events.
#[derive(Clone, Debug)]
pub struct EventSource {
    pub(crate) name: Text,
    pub(crate) origin: Origin,
    pub(crate) service: Option<Text>,
    pub(crate) category: Category,
    pub(crate) name_en: Option<Text>,
    pub(crate) name_zh: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) notes: Option<Text>,
    pub(crate) types: Vec<EventType>,
}

/// One type of the events of a source.
#[derive(Clone, Debug)]
pub struct EventType {
    pub(crate) full_name: Text,
    pub(crate) name: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) basis: Basis,
    pub(crate) reference: Option<Text>,
    pub(crate) payload: Payload,
    pub(crate) subject: Option<Text>,
    pub(crate) datacontenttype: Option<Text>,
    /// The JSON text of an object in UTF-8, compact.
    pub(crate) sample: Option<Cow<'static, [u8]>>,
    /// What the sample speaks of; `None`: nothing in it stands for the caller's account, region or time.
    pub(crate) setting: Option<Arc<Setting>>,
}

/// The account, the region and the moment that a sample was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) account: Option<Text>,
    pub(crate) region: Option<Text>,
    pub(crate) time: Option<Timestamp>,
}

impl Setting {
    /// The setting of one type: its source's, at a moment of its own where it has one.
    pub(crate) fn at(source: &Arc<Setting>, time: Option<Timestamp>) -> Arc<Setting> {
        match time {
            Some(_) => Arc::new(Setting { time, ..(**source).clone() }),
            None => source.clone(),
        }
    }
}

impl Basis {
    /// The word for it in files and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Basis::Documented => "documented",
            Basis::Convention => "convention",
            Basis::Inferred => "inferred",
            Basis::Added => "added",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Basis::Documented, Basis::Convention, Basis::Inferred, Basis::Added]
            .into_iter()
            .find(|basis| basis.as_str() == word)
    }
}

impl Payload {
    /// The word for it in files and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Payload::Documented => "documented",
            Payload::Partial => "partial",
            Payload::Adapted => "adapted",
            Payload::Inferred => "inferred",
            Payload::Added => "added",
            Payload::Unknown => "unknown",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        use Payload::{Adapted, Added, Documented, Inferred, Partial, Unknown};
        [Documented, Partial, Adapted, Inferred, Added, Unknown]
            .into_iter()
            .find(|payload| payload.as_str() == word)
    }
}

impl EventSource {
    /// The value of the CloudEvents attribute `source` of its events, such as `acs.oss` (wire: `Name`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The event bus it is registered on; `None` for sources that are not bound to a bus.
    pub fn bus(&self) -> Option<&str> {
        match &self.origin {
            Origin::UserDefined { bus } => Some(bus),
            Origin::Builtin | Origin::Addition => None,
        }
    }

    /// Whether it is one of the cloud's services (wire: type `AliyunOfficial`): named `acs.…` and bound to no bus.
    pub fn is_official(&self) -> bool {
        self.bus().is_none() && self.name.starts_with("acs.")
    }

    /// The short code of the service, the first part of its types, such as `oss`.
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// What the service is for.
    pub fn category(&self) -> Category {
        self.category
    }

    /// The product's name in English (wire: `FullName`); the source's own name where nobody gave one.
    pub fn full_name(&self) -> &str {
        self.name_en.as_deref().unwrap_or(&self.name)
    }

    /// The product's name in Chinese, where known.
    pub fn full_name_zh(&self) -> Option<&str> {
        self.name_zh.as_deref()
    }

    /// One sentence about it (wire: `Description`); the product's name where nobody wrote one.
    pub fn description(&self) -> &str {
        self.description.as_deref().unwrap_or_else(|| self.full_name())
    }

    /// What is good to know about it.
    pub fn notes(&self) -> Option<&str> {
        self.notes.as_deref()
    }

    /// The types of its events that are known, in the order of their documentation.
    pub fn types(&self) -> &[EventType] {
        &self.types
    }

    /// The type with this full name.
    pub fn event_type(&self, full_name: &str) -> Option<&EventType> {
        self.types.iter().find(|kind| kind.full_name == full_name)
    }
}

impl EventType {
    /// The value of the CloudEvents attribute `type`, such as `oss:ObjectCreated:PutObject` (wire: `Name`).
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The middle part, `ObjectCreated` of `oss:ObjectCreated:PutObject`; empty when the type has fewer than three
    /// parts. Source: EventBridge 2020-04-01, `ListAliyunOfficialEventSources`, `GroupName` in the newer example.
    pub fn group(&self) -> &str {
        self.parts().1
    }

    /// Everything before the last part, `oss:ObjectCreated` of `oss:ObjectCreated:PutObject`. Source: EventBridge
    /// 2020-04-01, `ListAliyunOfficialEventSources`, `GroupName` in the SDKs' example.
    pub fn group_name(&self) -> &str {
        let (service, group, _) = self.parts();
        if group.is_empty() { service } else { &self.full_name[..service.len() + 1 + group.len()] }
    }

    /// The last part, `PutObject` of `oss:ObjectCreated:PutObject` (wire: `ShortName`). Colons in brackets belong to
    /// it: `Instance[SystemMaintenance.Transfer:Executed]`.
    pub fn short_name(&self) -> &str {
        self.parts().2
    }

    /// A short English name; the last part of the type where nobody gave one.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.short_name())
    }

    /// One sentence about what happened, where known.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// How the type string is known.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The title or address of the public page that it was taken from.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// How the layout of its data is known.
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// Service, group and short name. Types are opaque, so what does not have three parts lands in the last one.
    fn parts(&self) -> (&str, &str, &str) {
        let text: &str = &self.full_name;
        let Some((service, rest)) = text.split_once(':') else { return ("", "", text) };
        match rest.split_once(':') {
            Some((group, short)) if !group.contains('[') => (service, group, short),
            _ => (service, "", rest),
        }
    }
}
