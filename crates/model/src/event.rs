//! One CloudEvent: checked, given the attributes that the bus adds, and immutable from then on.
//!
//! An accepted event is its JSON text. Member order and number literals stay as the producer wrote them; only white
//! space between tokens goes. The attributes that every step needs are kept beside the text, so that nobody parses
//! it again to find them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{compact, push_string};
use crate::{AccountId, BusName, Region, Timestamp};

/// Why an event was refused. The bus stores nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not a JSON object.
    #[error("the event is not a JSON object: {0}")]
    NotAnObject(String),
    /// `id` is missing or empty.
    #[error("the event has no `id`")]
    IdEmpty,
    /// An attribute of the specification is missing, too long or of the wrong type.
    #[error("attribute `{attribute}` {problem}")]
    Attribute {
        /// The attribute's name.
        attribute: &'static str,
        /// What is wrong with it, as a predicate.
        problem: String,
    },
    /// An extension attribute has a name or value that CloudEvents does not allow.
    #[error("extension attribute `{attribute}` {problem}")]
    Extension {
        /// The attribute's name.
        attribute: String,
        /// What is wrong with it, as a predicate.
        problem: &'static str,
    },
    /// The event is larger than the limit.
    #[error("the event has {event_bytes} bytes, more than the limit of {event_bytes_max}")]
    TooLarge {
        /// Its size as compact JSON, before the bus adds its attributes.
        event_bytes: usize,
        /// The limit.
        event_bytes_max: usize,
    },
}

/// The limits on one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Size as compact JSON before the bus adds its attributes.
    pub event_bytes_max: usize,
    /// Number of extension attributes that the sender may give.
    pub extension_count_max: usize,
    /// Number of characters of `subject`.
    pub subject_chars_max: usize,
}

impl Default for EventLimits {
    /// 256 KB an event (EventBridge 2020-04-01, "Limits"); 64 extension attributes (ours); 512 characters of subject
    /// (EventBridge 2020-04-01, `PutEvents`).
    fn default() -> Self {
        Self { event_bytes_max: 256 * 1024, extension_count_max: 64, subject_chars_max: 512 }
    }
}

impl EventLimits {
    /// The limits on this server's own events: the subject of an object's event holds a key of up to 1023 bytes.
    pub fn own_events(self) -> Self {
        Self { subject_chars_max: 2048, ..self }
    }
}

/// What the bus adds to an event when it accepts it.
///
/// Source: EventBridge, "Event overview": the `aliyun*` attributes.
#[derive(Clone, Copy, Debug)]
pub struct Enrichment<'a> {
    /// Owner of the bus: `aliyunaccountid`, and `aliyunoriginalaccountid` of a sender in the same account.
    pub account: &'a AccountId,
    /// `aliyuneventbusname`.
    pub bus: &'a BusName,
    /// `aliyunregionid`.
    pub region: &'a Region,
    /// `aliyunpublishtime`, and `time` where the sender gave none.
    pub received_at: Timestamp,
    /// `aliyunpublishaddr`: the address of the sender.
    pub sender: &'a str,
    /// `kulkulvia`: the buses that the event was on before, the first one first, with blanks between them. Empty when a
    /// producer put it.
    pub via: &'a str,
}

/// The attribute that names the buses which an event was on before. Only a bus sets it: events that go in circles are
/// found by it.
pub const VIA: &str = "kulkulvia";

/// An event as a producer sent it: attribute names and the JSON text of their values, in order.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// One accepted CloudEvent. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Arc<Accepted>);

#[derive(PartialEq, Eq)]
struct Accepted {
    json: Bytes,
    id: String,
    source: String,
    kind: String,
    subject: Option<String>,
}

impl<'a> Draft<'a> {
    /// Reads an event in the structured JSON form. Of an attribute given twice, the last one counts.
    pub fn parse(json: &'a str) -> Result<Self, EventError> {
        Self::parse_named(json, |name| name)
    }

    /// Reads an event whose attributes have other names on the wire; `rename` maps each to the CloudEvents name.
    pub fn parse_named(
        json: &'a str,
        rename: impl Fn(Cow<'a, str>) -> Cow<'a, str>,
    ) -> Result<Self, EventError> {
        let mut text = serde_json::Deserializer::from_str(json);
        let members =
            Members::deserialize(&mut text).map_err(|error| EventError::NotAnObject(error.to_string()))?;
        text.end().map_err(|error| EventError::NotAnObject(error.to_string()))?;
        let mut draft = Self { attributes: Vec::with_capacity(members.0.len() + 8) };
        for (name, value) in members.0 {
            draft.set(rename(name), Cow::Borrowed(value.get()));
        }
        Ok(draft)
    }

    /// An event without attributes, to be filled with [`Draft::set`].
    pub fn empty() -> Self {
        Self { attributes: Vec::with_capacity(16) }
    }

    /// Sets an attribute to a value given as JSON text, which must be valid. Replaces an earlier value.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, json: impl Into<Cow<'a, str>>) {
        let name = name.into();
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = json.into(),
            None => self.attributes.push((name, json.into())),
        }
    }

    /// Sets an attribute to a string.
    pub fn set_text(&mut self, name: impl Into<Cow<'a, str>>, text: &str) {
        let mut json = Vec::with_capacity(text.len() + 2);
        push_string(text, &mut json);
        self.set(name, String::from_utf8(json).expect("a JSON string of UTF-8 text is UTF-8"));
    }

    /// The JSON text of an attribute's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// An attribute's value when it is a string.
    pub fn get_text(&self, name: &str) -> Option<Cow<'_, str>> {
        string_of(self.get(name)?)
    }

    /// Removes an attribute and returns the JSON text of its value.
    pub fn remove(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.attributes.iter().position(|(known, _)| known == name)?;
        Some(self.attributes.remove(at).1)
    }

    /// Checks the event, adds what the bus adds, and makes it immutable.
    pub fn accept(mut self, add: &Enrichment<'_>, limits: &EventLimits) -> Result<Event, EventError> {
        self.attributes.retain(|(name, value)| &**value != "null" || name == "data");
        let id = self.required("id", 128).map_err(|error| match self.get("id") {
            None | Some("\"\"") => EventError::IdEmpty,
            Some(_) => error,
        })?;
        let source = self.required("source", 128)?;
        // Documented as 64, but the cloud's own services have types of up to 80 characters.
        let kind = self.required("type", 256)?;
        let subject = self.optional("subject", limits.subject_chars_max)?;
        self.optional("time", 64)?;
        self.optional("dataschema", 1024)?;
        self.optional("datacontenttype", 256)?;
        match self.get_text("specversion").as_deref() {
            Some("1.0") => {}
            None if self.get("specversion").is_none() => self.set("specversion", r#""1.0""#),
            _ => return Err(problem("specversion", "must be \"1.0\"")),
        }
        if self.get("datacontenttype").is_none() {
            self.set("datacontenttype", r#""application/json""#);
        }
        self.check_extensions(limits)?;
        let size = self.attributes.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let mut json = Vec::with_capacity(size + 320);
        self.write_members(&mut json)?;
        let event_bytes = json.len() + 1;
        if event_bytes > limits.event_bytes_max {
            return Err(EventError::TooLarge { event_bytes, event_bytes_max: limits.event_bytes_max });
        }
        self.write_added(add, &mut json);
        json.push(b'}');
        Ok(Event(Arc::new(Accepted { json: json.into(), id, source, kind, subject })))
    }

    fn required(&self, name: &'static str, char_count_max: usize) -> Result<String, EventError> {
        match self.optional(name, char_count_max)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(problem(name, "is missing or empty")),
        }
    }

    fn optional(&self, name: &'static str, char_count_max: usize) -> Result<Option<String>, EventError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = string_of(value).ok_or_else(|| problem(name, "must be a string"))?;
        if text.len() > char_count_max && text.chars().count() > char_count_max {
            return Err(problem(name, &format!("is longer than {char_count_max} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(problem(name, "contains a control character"));
        }
        Ok(Some(text.into_owned()))
    }

    fn check_extensions(&self, limits: &EventLimits) -> Result<(), EventError> {
        let extensions = self.attributes.iter().filter(|(name, _)| !is_defined(name) && !is_added(name));
        let mut count = 0;
        for (name, value) in extensions {
            count += 1;
            let fault =
                |problem| EventError::Extension { attribute: name.chars().take(64).collect(), problem };
            // Legal names are lower-case letters and digits; the official clients also let `-` and `_` through.
            let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
                return Err(fault("must have a name of 1 to 64 letters and digits"));
            }
            if value.starts_with(['{', '[']) {
                return Err(fault("must be a string, a number or a boolean"));
            }
            if count > limits.extension_count_max {
                return Err(fault("is one more than the limit allows"));
            }
        }
        Ok(())
    }

    /// Writes `{` and the sender's members, without those that only the bus may set.
    fn write_members(&self, json: &mut Vec<u8>) -> Result<(), EventError> {
        for (name, value) in self.attributes.iter().filter(|(name, _)| !is_added(name)) {
            json.push(if json.is_empty() { b'{' } else { b',' });
            push_string(name, json);
            json.push(b':');
            compact(value, json).map_err(|unreadable| match is_defined(name) {
                // The other attributes of the specification are strings, which were read before.
                true => problem("data", unreadable.problem()),
                false => EventError::Extension {
                    attribute: name.chars().take(64).collect(),
                    problem: unreadable.problem(),
                },
            })?;
        }
        Ok(())
    }

    fn write_added(&self, add: &Enrichment<'_>, json: &mut Vec<u8>) {
        let received_at = add.received_at.to_string();
        let mut push = |name: &str, value: &str| {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            push_string(value, json);
        };
        if self.get("time").is_none() {
            push("time", &received_at);
        }
        push("aliyunaccountid", add.account.as_str());
        push("aliyunoriginalaccountid", add.account.as_str());
        push("aliyuneventbusname", add.bus.as_str());
        push("aliyunregionid", add.region.as_str());
        push("aliyunpublishtime", &received_at);
        push("aliyunpublishaddr", add.sender);
        if !add.via.is_empty() {
            push(VIA, add.via);
        }
    }
}

impl Event {
    /// Takes over an event from a store: its JSON text as it was accepted, and the attributes kept beside it.
    pub fn from_stored(
        json: Bytes,
        id: String,
        source: String,
        kind: String,
        subject: Option<String>,
    ) -> Self {
        Self(Arc::new(Accepted { json, id, source, kind, subject }))
    }

    /// The complete event as compact JSON text in UTF-8.
    pub fn json(&self) -> &Bytes {
        &self.0.json
    }

    /// The attribute `id`, chosen by the producer; unique together with the source.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The attribute `source`.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The attribute `type`.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The attribute `subject`.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }
}

impl fmt::Debug for Event {
    /// Shows which event it is, never what it says: bodies are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.0.id)
            .field("source", &self.0.source)
            .field("type", &self.0.kind)
            .finish_non_exhaustive()
    }
}

/// The members of a JSON object in order, with the text of their values.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(12);
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    members.push((name.0, map.next_value::<&RawValue>()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A member name, borrowed from the text where it has no escapes. (`Cow` alone would always allocate.)
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The string that a JSON text is, `None` when it is something else.
fn string_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

fn problem(attribute: &'static str, text: &str) -> EventError {
    EventError::Attribute { attribute, problem: text.to_owned() }
}

/// Attributes that CloudEvents defines.
fn is_defined(name: &str) -> bool {
    matches!(
        name,
        "id" | "source"
            | "specversion"
            | "type"
            | "time"
            | "subject"
            | "dataschema"
            | "datacontenttype"
            | "data"
    )
}

/// Attributes that only the bus may set; what a sender gives for them is dropped.
fn is_added(name: &str) -> bool {
    matches!(
        name,
        "aliyunaccountid"
            | "aliyunoriginalaccountid"
            | "aliyuneventbusname"
            | "aliyunregionid"
            | "aliyunpublishtime"
            | "aliyunpublishaddr"
            | VIA
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(json: &str) -> Result<Event, EventError> {
        let (account, region) = ("1234567890123456".parse().unwrap(), "cn-hangzhou".parse().unwrap());
        let add = Enrichment {
            account: &account,
            bus: &BusName::default_bus(),
            region: &region,
            received_at: Timestamp::from_millis(1_634_281_594_028),
            sender: "127.0.0.1",
            via: "",
        };
        let limits = EventLimits { event_bytes_max: 1000, extension_count_max: 2, ..EventLimits::default() };
        Draft::parse(json)?.accept(&add, &limits)
    }

    #[test]
    fn an_accepted_event_keeps_order_and_literals_and_gains_the_attributes_of_the_bus() {
        let event = accept(
            r#"{"id":"1","source":"shop", "type":"order","x":1.0,
                "data":{"z": 3.0e2, "a": [1, "b c"]}, "aliyunaccountid":"forged", "kulkulvia":"x"}"#,
        )
        .unwrap();
        let expected = concat!(
            r#"{"id":"1","source":"shop","type":"order","x":1.0,"data":{"z":3.0e2,"a":[1,"b c"]},"#,
            r#""specversion":"1.0","datacontenttype":"application/json","time":"2021-10-15T07:06:34.028Z","#,
            r#""aliyunaccountid":"1234567890123456","aliyunoriginalaccountid":"1234567890123456","#,
            r#""aliyuneventbusname":"default","aliyunregionid":"cn-hangzhou","#,
            r#""aliyunpublishtime":"2021-10-15T07:06:34.028Z","aliyunpublishaddr":"127.0.0.1"}"#,
        );
        assert_eq!(std::str::from_utf8(event.json()).unwrap(), expected);
        assert_eq!((event.id(), event.source(), event.kind(), event.subject()), ("1", "shop", "order", None));
    }

    #[test]
    fn a_bad_event_is_refused_with_the_reason() {
        let long = format!(r#"{{"id":"1","source":"{}","type":"t"}}"#, "s".repeat(129));
        let large = format!(r#"{{"id":"1","source":"s","type":"t","data":"{}"}}"#, "d".repeat(1000));
        let deep =
            format!(r#"{{"id":"1","source":"s","type":"t","data":{}1{}}}"#, "[".repeat(101), "]".repeat(101));
        let table = [
            ("[]", "not a JSON object"),
            ("{} x", "not a JSON object"),
            (r#"{"source":"s","type":"t"}"#, "has no `id`"),
            (r#"{"id":"","source":"s","type":"t"}"#, "has no `id`"),
            (r#"{"id":1,"source":"s","type":"t"}"#, "`id` must be a string"),
            (r#"{"id":"1","type":"t"}"#, "`source` is missing"),
            (r#"{"id":"1","source":"s","type":null}"#, "`type` is missing"),
            (long.as_str(), "`source` is longer than 128 characters"),
            (r#"{"id":"1","source":"s","type":"t","subject":{}}"#, "`subject` must be a string"),
            (r#"{"id":"1","source":"s","type":"t","specversion":"2.0"}"#, "`specversion` must be"),
            (r#"{"id":"1","source":"s","type":"t","x y":"z"}"#, "`x y` must have a name"),
            (r#"{"id":"1","source":"s","type":"t","x":[]}"#, "`x` must be a string"),
            (r#"{"id":"1","source":"s","type":"t","x":1,"y":2,"z":3}"#, "`z` is one more"),
            (r#"{"id":"a\u0000","source":"s","type":"t"}"#, "`id` contains a control character"),
            (deep.as_str(), "`data` nests deeper than 100 levels"),
            (
                r#"{"id":"1","source":"s","type":"t","data":{"a":"\ud800"}}"#,
                "`data` holds half of a surrogate",
            ),
            (r#"{"id":"1","source":"s","type":"t","x":"\ud800"}"#, "`x` holds half of a surrogate"),
            (r#"{"id":"\ud800","source":"s","type":"t"}"#, "`id` must be a string"),
            (r#"{"id":"1","source":"s","type":"t","data":[1e999]}"#, "`data` holds a number beyond"),
            (r#"{"id":"1","source":"s","type":"t","x":-1e999}"#, "`x` holds a number beyond"),
            (large.as_str(), "more than the limit of 1000"),
        ];
        for (json, reason) in table {
            let error = accept(json).expect_err(json).to_string();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    #[test]
    fn the_last_of_two_equal_names_counts() {
        let event = accept(r#"{"id":"1","source":"a","type":"t","source":"b"}"#).unwrap();
        assert_eq!(event.source(), "b");
        assert!(!String::from_utf8_lossy(event.json()).contains("\"a\""));
    }

    #[test]
    fn null_attributes_are_absent_but_null_data_stays() {
        let event =
            accept(r#"{"id":"1","source":"a","type":"t","subject":null,"x":null,"data":null}"#).unwrap();
        let text = String::from_utf8_lossy(event.json()).into_owned();
        assert!(
            text.contains(r#""data":null"#) && !text.contains("subject") && !text.contains("\"x\""),
            "{text}"
        );
    }
}
