//! What makes the events of a registered source.

use std::mem::discriminant;

use crate::SourceError;
use crate::message_queue::{self, QueueSettings};
use crate::schedule::{self, ScheduleSettings};
use crate::webhook::{self, WebhookSettings};

/// What makes the events of a registered source, with its settings: one variant for each kind that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// An application that puts events itself. There is nothing to set.
    Custom,
    /// A message queue of this server.
    Queue(QueueSettings),
    /// Requests to a URL.
    Webhook(WebhookSettings),
    /// Planned times.
    Schedule(ScheduleSettings),
}

impl SourceKind {
    /// The word for it in logs and lists of ours.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Queue(_) => "queue",
            Self::Webhook(_) => "webhook",
            Self::Schedule(_) => "schedule",
        }
    }

    /// The types of the events that it makes. Empty: nobody knows, since its owner chooses them.
    pub const fn event_types(&self) -> &'static [&'static str] {
        match self {
            Self::Custom => &[],
            Self::Queue(_) => &[message_queue::EVENT_TYPE],
            Self::Webhook(_) => &[webhook::EVENT_TYPE],
            Self::Schedule(_) => &[schedule::EVENT_TYPE],
        }
    }

    /// The settings after an update: new ones for the old, of the same kind.
    pub(crate) fn updated(&self, new: Self) -> Result<Self, SourceError> {
        match discriminant(self) == discriminant(&new) {
            true => Ok(self.with_what_stays(new)),
            false => Err(SourceError::KindChanged { before: self.word(), after: new.word() }),
        }
    }

    /// New settings with what no update changes: whoever has the URL of a webhook keeps it.
    fn with_what_stays(&self, new: Self) -> Self {
        match (self, new) {
            (Self::Webhook(old), Self::Webhook(new)) => {
                Self::Webhook(WebhookSettings { token: old.token.clone(), ..new })
            }
            (_, new) => new,
        }
    }
}
