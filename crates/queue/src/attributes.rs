//! What can be chosen about a queue, and the limits of every number.

use std::fmt;
use std::time::Duration;

use crate::QueueError;

/// A number that has limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// The time between sending a message and its first visibility.
    Delay,
    /// The largest message of a queue.
    MessageSize,
    /// How long a message is kept.
    Retention,
    /// How long a message that was received is invisible.
    Visibility,
    /// How long a receive waits that does not say so itself.
    PollingWait,
    /// How long a receive waits.
    Wait,
    /// Which messages are received first.
    Priority,
    /// Messages in one request.
    BatchCount,
    /// The messages of one request together.
    BatchSize,
    /// Properties of one message.
    PropertyCount,
    /// How often a message is received before it becomes a dead letter.
    ReceiveCount,
}

impl Quantity {
    /// The lowest and the highest value: seconds, bytes or a count.
    ///
    /// Source: Simple Message Queue 2015-06-06, "CreateQueue", "SendMessage", "ReceiveMessage", "Limits". Newer pages
    /// allow 7 days of retention, older ones and one client 15, which are accepted.
    pub const fn limits(self) -> (u64, u64) {
        match self {
            Self::Delay => (0, 604_800),
            Self::MessageSize => (1024, 65_536),
            Self::Retention => (60, 1_296_000),
            Self::Visibility => (1, 43_200),
            Self::PollingWait | Self::Wait => (0, 30),
            Self::Priority | Self::BatchCount => (1, 16),
            Self::BatchSize => (1, 65_536),
            Self::PropertyCount => (0, 50),
            Self::ReceiveCount => (1, 1000),
        }
    }

    /// The value, when it is within the limits.
    pub fn check(self, value: u64) -> Result<u64, QueueError> {
        let (low, high) = self.limits();
        (low..=high).contains(&value).then_some(value).ok_or(QueueError::OutOfRange { quantity: self })
    }

    /// A time of so many seconds, when that is within the limits.
    pub fn seconds(self, value: u64) -> Result<Duration, QueueError> {
        self.check(value).map(Duration::from_secs)
    }

    /// What the value counts.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Delay | Self::Retention | Self::Visibility | Self::PollingWait | Self::Wait => "seconds",
            Self::MessageSize | Self::BatchSize => "bytes",
            Self::Priority | Self::BatchCount | Self::PropertyCount | Self::ReceiveCount => "",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delay => "delay",
            Self::MessageSize => "message size",
            Self::Retention => "retention",
            Self::Visibility => "visibility time-out",
            Self::PollingWait | Self::Wait => "wait",
            Self::Priority => "priority",
            Self::BatchCount => "number of messages",
            Self::BatchSize => "size of all messages",
            Self::PropertyCount => "number of properties",
            Self::ReceiveCount => "number of receives",
        })
    }
}

/// The attributes of a queue. Every number is within its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How long a message waits that does not say so itself.
    pub delay: Duration,
    /// The largest message, in bytes.
    pub message_bytes_max: usize,
    /// How long a message is kept after it was sent.
    pub retention: Duration,
    /// How long a message that was received is invisible.
    pub visibility: Duration,
    /// How long a receive waits that does not say so itself.
    pub polling_wait: Duration,
    /// Stored for whoever asks; there is no other log than the server's.
    pub logging: bool,
    /// What happens to messages that nobody can handle.
    pub dead_letter: Option<DeadLetterPolicy>,
}

/// What happens to messages that nobody can handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterPolicy {
    /// Whether anything happens.
    pub enabled: bool,
    /// The queue that gets them: its name or ARN, as it was given.
    pub target: String,
    /// How often a message is received before it is moved.
    pub receive_count_max: u32,
}

/// Source: Simple Message Queue 2015-06-06, "CreateQueue".
impl Default for Attributes {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            message_bytes_max: 65_536,
            retention: Duration::from_secs(345_600),
            visibility: Duration::from_secs(30),
            polling_wait: Duration::ZERO,
            logging: false,
            dead_letter: None,
        }
    }
}

/// Attributes that somebody gave: seconds, bytes. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeChanges {
    /// [`Attributes::delay`].
    pub delay_secs: Option<u64>,
    /// [`Attributes::message_bytes_max`].
    pub message_bytes_max: Option<u64>,
    /// [`Attributes::retention`].
    pub retention_secs: Option<u64>,
    /// [`Attributes::visibility`].
    pub visibility_secs: Option<u64>,
    /// [`Attributes::polling_wait`].
    pub polling_wait_secs: Option<u64>,
    /// [`Attributes::logging`].
    pub logging: Option<bool>,
    /// [`Attributes::dead_letter`].
    pub dead_letter: Option<DeadLetterPolicy>,
}

impl AttributeChanges {
    /// The attributes as they are after the changes.
    pub fn apply(self, attributes: Attributes) -> Result<Attributes, QueueError> {
        let seconds = |quantity: Quantity, given: Option<u64>, now: Duration| {
            given.map_or(Ok(now), |value| quantity.seconds(value))
        };
        let message_bytes_max = match self.message_bytes_max {
            Some(bytes) => Quantity::MessageSize.check(bytes)? as usize,
            None => attributes.message_bytes_max,
        };
        if let Some(policy) = &self.dead_letter {
            Quantity::ReceiveCount.check(policy.receive_count_max.into())?;
        }
        Ok(Attributes {
            delay: seconds(Quantity::Delay, self.delay_secs, attributes.delay)?,
            message_bytes_max,
            retention: seconds(Quantity::Retention, self.retention_secs, attributes.retention)?,
            visibility: seconds(Quantity::Visibility, self.visibility_secs, attributes.visibility)?,
            polling_wait: seconds(Quantity::PollingWait, self.polling_wait_secs, attributes.polling_wait)?,
            logging: self.logging.unwrap_or(attributes.logging),
            dead_letter: self.dead_letter.or(attributes.dead_letter),
        })
    }
}

impl Attributes {
    /// Whether a queue with these attributes is what somebody asks for who wants the others. Logging does not count.
    pub(crate) fn agree_with(&self, other: &Self) -> bool {
        Self { logging: other.logging, ..self.clone() } == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_taken_at_its_limits_and_refused_past_them() {
        use Quantity::*;
        let table = [
            (Delay, 0, 604_800),
            (MessageSize, 1024, 65_536),
            (Retention, 60, 1_296_000),
            (Visibility, 1, 43_200),
            (PollingWait, 0, 30),
            (Priority, 1, 16),
            (BatchCount, 1, 16),
        ];
        for (quantity, low, high) in table {
            assert_eq!((quantity.check(low).unwrap(), quantity.check(high).unwrap()), (low, high));
            for value in [low.checked_sub(1), Some(high + 1)].into_iter().flatten() {
                let error = quantity.check(value).unwrap_err();
                assert!(
                    matches!(error, QueueError::OutOfRange { quantity: of } if of == quantity),
                    "{quantity} {value}"
                );
            }
        }
    }

    #[test]
    fn changes_leave_alone_what_they_do_not_name() {
        let changes = AttributeChanges { delay_secs: Some(7), logging: Some(true), ..Default::default() };
        let changed = changes.apply(Attributes::default()).unwrap();
        let expected = Attributes { delay: Duration::from_secs(7), logging: true, ..Attributes::default() };
        assert_eq!(changed, expected);
        assert!(!changed.agree_with(&Attributes::default()));
        assert!(Attributes { logging: true, ..Attributes::default() }.agree_with(&Attributes::default()));
    }
}
