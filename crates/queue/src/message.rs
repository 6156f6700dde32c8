//! Messages, and how they are stored. Format 1: a line of JSON, then the text as it is.

use bytes::Bytes;
use kulkul_model::Timestamp;
use kulkul_store::Delivery;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::{Quantity, QueueError};

const FORMAT: u32 = 1;

/// The longest name of a property, in bytes. Source: Simple Message Queue, "Message attributes".
const PROPERTY_NAME_BYTES_MAX: usize = 256;
/// The longest value of a property, in characters. Source: the same.
const PROPERTY_VALUE_CHARS_MAX: usize = 4096;

/// Which messages are received first: 1 before 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// How many there are.
    pub(crate) const COUNT: usize = 16;

    /// The priority of a number.
    pub fn new(number: u64) -> Result<Self, QueueError> {
        Quantity::Priority.check(number).map(|number| Self(number as u8))
    }

    /// Its number, from 1.
    pub const fn number(self) -> u8 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// 8. Source: Simple Message Queue 2015-06-06, "SendMessage".
impl Default for Priority {
    fn default() -> Self {
        Self(8)
    }
}

/// The type that a sender says a property has. Nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropertyKind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Base64 of bytes.
    Binary,
}

/// Something that a sender says about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its value, as it was given.
    pub value: String,
    /// Its type.
    pub kind: PropertyKind,
}

/// Something that clients or the service say about a message: for tracing, or about a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemProperty {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// The text, which may be Base64 or not.
    pub text: String,
    /// Seconds before it is visible; the queue's delay when absent.
    pub delay_secs: Option<u64>,
    /// Which are received first.
    pub priority: Priority,
    /// What the sender says about it.
    pub user_properties: Vec<Property>,
    /// What clients say about it.
    pub system_properties: Vec<SystemProperty>,
    /// Its group; kept for whoever asks.
    pub group: Option<String>,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, unique in the server.
    pub id: String,
    /// Its text, as it was sent.
    pub text: String,
    /// The MD5 of the text, in upper-case hexadecimal.
    pub text_md5: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was received first.
    pub first_received_at: Option<Timestamp>,
    /// How often it was received.
    pub received_count: u32,
    /// Which are received first.
    pub priority: Priority,
    /// When its retention is over.
    pub expires_at: Timestamp,
    /// What the sender says about it.
    pub user_properties: Vec<Property>,
    /// What clients or the service say about it.
    pub system_properties: Vec<SystemProperty>,
    /// Its group.
    pub group: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredHead {
    format: u32,
    priority: u8,
    md5: String,
    expires_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    user: Vec<Property>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    system: Vec<SystemProperty>,
}

impl NewMessage {
    /// What it counts against the limits, in bytes: text and properties.
    pub(crate) fn size(&self) -> usize {
        let user = self.user_properties.iter().map(|property| property.name.len() + property.value.len());
        let system = self.system_properties.iter().map(|property| property.name.len() + property.value.len());
        self.text.len() + user.sum::<usize>() + system.sum::<usize>()
    }

    pub(crate) fn check(&self) -> Result<(), QueueError> {
        if self.text.is_empty() {
            return Err(QueueError::Empty);
        }
        Quantity::PropertyCount.check(self.user_properties.len() as u64)?;
        self.user_properties.iter().try_for_each(Property::check)
    }
}

impl Property {
    fn check(&self) -> Result<(), QueueError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let name = self.name.as_str();
        let is_name = (1..=PROPERTY_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(legal)
            && !(name.starts_with('.') || name.ends_with('.') || name.contains(".."));
        let problem = if !is_name {
            "must be named with 1 to 256 letters, digits, `-`, `_` and single `.` inside"
        } else if self.value.chars().count() > PROPERTY_VALUE_CHARS_MAX {
            "must have at most 4096 characters"
        } else {
            return Ok(());
        };
        Err(QueueError::BadProperty { name: name.chars().take(PROPERTY_NAME_BYTES_MAX).collect(), problem })
    }
}

/// The MD5 of a text, in upper-case hexadecimal.
///
/// Source: Simple Message Queue 2015-06-06, "SendMessage"; checked against the samples of "PeekMessage".
pub(crate) fn text_md5(text: &str) -> String {
    hex::encode_upper(Md5::digest(text.as_bytes()))
}

/// Writes a message as it is stored; `md5` is that of its text.
pub(crate) fn write(message: NewMessage, md5: String, expires_at: Timestamp) -> Bytes {
    let head = StoredHead {
        format: FORMAT,
        priority: message.priority.number(),
        md5,
        expires_ms: expires_at.as_millis(),
        group: message.group,
        user: message.user_properties,
        system: message.system_properties,
    };
    let mut stored = serde_json::to_vec(&head).expect("a head is made of texts and numbers");
    stored.reserve_exact(1 + message.text.len());
    stored.push(b'\n');
    stored.extend_from_slice(message.text.as_bytes());
    stored.into()
}

/// Reads a message from its delivery.
pub(crate) fn read(delivery: &Delivery) -> Result<Message, serde_json::Error> {
    use serde::de::Error;
    let body = &delivery.record.body;
    let end = body.iter().position(|&b| b == b'\n').ok_or_else(|| Error::custom("there is no head"))?;
    let head: StoredHead = serde_json::from_slice(&body[..end])?;
    if head.format != FORMAT {
        return Err(Error::custom(format_args!("format {} is not {FORMAT}", head.format)));
    }
    Ok(Message {
        id: delivery.record.key.id.clone(),
        text: std::str::from_utf8(&body[end + 1..]).map_err(Error::custom)?.to_owned(),
        text_md5: head.md5,
        sent_at: delivery.record.accepted_at,
        first_received_at: delivery.note.as_deref().and_then(read_note),
        received_count: delivery.failed,
        priority: Priority::new(head.priority.into()).map_err(Error::custom)?,
        expires_at: Timestamp::from_millis(head.expires_ms),
        user_properties: head.user,
        system_properties: head.system,
        group: head.group,
    })
}

/// What is kept with a delivery: when the message was received first.
pub(crate) fn write_note(first_received_at: Timestamp) -> Bytes {
    first_received_at.as_millis().to_string().into()
}

fn read_note(note: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(note).ok()?.parse().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kulkul_model::TraceId;
    use kulkul_store::{LogName, QueueId, Record, RecordKey, Seq};

    use super::*;

    fn stored(body: Bytes) -> Delivery {
        let key = RecordKey {
            log: LogName("message/q".into()),
            id: "ID".to_owned(),
            source: String::new(),
            kind: String::new(),
            subject: String::new(),
        };
        let (trace_id, accepted_at) = (TraceId::from_u128(1), Timestamp::from_millis(5));
        let record = Record { seq: Seq(1), key, trace_id, accepted_at, body };
        let note = Some(write_note(Timestamp::from_millis(77)));
        Delivery {
            queue: QueueId("q".into()),
            not_before: record.accepted_at,
            record: Arc::new(record),
            failed: 3,
            note,
        }
    }

    #[test]
    fn a_message_reads_back_as_it_was_sent() {
        let property =
            |name: &str, value: &str, kind| Property { name: name.to_owned(), value: value.to_owned(), kind };
        let new = NewMessage {
            text: "{\"a\":\n1}\r\n<&>\u{1f600}".to_owned(),
            priority: Priority::new(3).unwrap(),
            user_properties: vec![
                property("a.b", "\n", PropertyKind::Text),
                property("c", "AA==", PropertyKind::Binary),
            ],
            system_properties: vec![SystemProperty { name: "baggage".to_owned(), value: "x=1".to_owned() }],
            group: Some("g".to_owned()),
            ..NewMessage::default()
        };
        let md5 = text_md5(&new.text);
        let read = read(&stored(write(new.clone(), md5.clone(), Timestamp::from_millis(99)))).unwrap();
        let expected = Message {
            id: "ID".to_owned(),
            text: new.text,
            text_md5: md5,
            sent_at: Timestamp::from_millis(5),
            first_received_at: Some(Timestamp::from_millis(77)),
            received_count: 3,
            priority: new.priority,
            expires_at: Timestamp::from_millis(99),
            user_properties: new.user_properties,
            system_properties: new.system_properties,
            group: new.group,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_another_version_wrote_is_refused() {
        let table = [
            (r#"{"format":2,"priority":8,"md5":"","expires_ms":1}"#.to_owned() + "\n", "format 2 is not 1"),
            ("text".to_owned(), "there is no head"),
        ];
        for (body, expected) in table {
            assert_eq!(read(&stored(body.into())).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_published_digest_is_that_of_the_text_as_transmitted() {
        // "This is a test message" in Base64; the page shows all but the last four digits.
        assert_eq!(text_md5("VGhpcyBpcyBhIHRlc3QgbWVzc2FnZQ=="), "F9360F391579E71CA77BC5D50242FCF4");
    }

    #[test]
    fn properties_are_named_as_the_documentation_says() {
        let checked = |name: &str, value: String| {
            Property { name: name.to_owned(), value, kind: PropertyKind::Text }.check().is_ok()
        };
        for (name, good) in [("a", true), ("A-z_0.9", true), ("", false), (".a", false), ("a.", false)] {
            assert_eq!(checked(name, String::new()), good, "{name}");
        }
        assert!(!checked("a..b", String::new()) && !checked("ä", String::new()));
        assert!(checked(&"n".repeat(256), String::new()) && !checked(&"n".repeat(257), String::new()));
        assert!(checked("a", "ä".repeat(4096)) && !checked("a", "ä".repeat(4097)));
    }
}
