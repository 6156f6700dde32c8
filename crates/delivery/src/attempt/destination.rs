//! Calling an API destination.

use bytes::Bytes;
use kulkul_model::{ApiDestinationName, Event};
use kulkul_transform::{TooLarge, Transform};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Tried;
use super::payload::{PARTS_MARK, event_of};
use crate::caller::DestinationCall;
use crate::{Delivery, Outside, Verdict};

/// The parts of a request that are made from the event.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) headers: Option<&'a Transform>,
    pub(super) query: Option<&'a Transform>,
    pub(super) body: Option<&'a Transform>,
}

/// What was made of them. Kept with the delivery, so that later attempts send the same.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Texts {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    headers: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    query: String,
    /// `None`: the event itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Sends what the transforms make of the event.
pub(super) async fn call(
    delivery: &Delivery,
    outside: &Outside,
    destination: &ApiDestinationName,
    parts: Parts<'_>,
) -> Tried {
    let Some(destinations) = &outside.destinations else {
        return Tried::without(Verdict::Impossible, "this server has no API destinations");
    };
    let kept = delivery.note.as_deref().and_then(Texts::from_note);
    let texts = match kept.map_or_else(|| parts.make(&event_of(&delivery.record)), Ok) {
        Ok(texts) => texts,
        Err(error) => return Tried::without(Verdict::Impossible, error.to_string()),
    };
    let pairs = pairs("HeaderParameters", &texts.headers)
        .and_then(|headers| Ok((headers, pairs("QueryStringParameters", &texts.query)?)));
    let (headers, query) = match pairs {
        Ok(pairs) => pairs,
        Err(problem) => return Tried::without(Verdict::Impossible, problem),
    };
    let sent = texts.to_note();
    let body = texts.body.map_or_else(|| delivery.record.body.clone(), Bytes::from);
    let call = DestinationCall { destination: destination.clone(), headers, query, body };
    let answer = destinations.call(call).await;
    Tried { answer, sent: Some(sent), invocation: None }
}

impl Texts {
    fn to_note(&self) -> Bytes {
        let mut note = vec![PARTS_MARK];
        serde_json::to_writer(&mut note, self).expect("a struct of texts is JSON");
        note.into()
    }

    /// The texts in a note; `None` when it is the body that another type of target received.
    fn from_note(note: &[u8]) -> Option<Self> {
        serde_json::from_slice(note.strip_prefix(&[PARTS_MARK])?).ok()
    }
}

impl Parts<'_> {
    fn make(self, event: &Event) -> Result<Texts, TooLarge> {
        let text = |part: Option<&Transform>| match part {
            Some(transform) => {
                transform.apply(event).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
            None => Ok(String::new()),
        };
        Ok(Texts {
            headers: text(self.headers)?,
            query: text(self.query)?,
            body: match self.body {
                Some(transform) if transform.is_original() => None,
                body => Some(text(body)?),
            },
        })
    }
}

/// Names and values from a JSON object. Nothing at all is an empty one.
fn pairs(what: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
        format!("{what} do not become a JSON object; `jsonEscape` keeps quotes in values apart")
    })?;
    let pair = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("{what}: the value of `{name}` is neither a text nor a number nor a boolean"))
        }
    };
    object.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let json = r#"{"id":"1","source":"s","type":"t","data":{"n":"x","q":"a\"b"}}"#;
        Event::from_stored(json.into(), "1".into(), "s".into(), "t".into(), None)
    }

    #[test]
    fn each_part_is_made_by_itself_and_comes_back_from_the_note() {
        let headers = Transform::template(r#"{"n":"$.data.n"}"#, r#"{"x-n":"${n}","x-1":1}"#).unwrap();
        let parts = Parts { headers: Some(&headers), query: None, body: Some(&Transform::Original) };
        let texts = parts.make(&event()).unwrap();
        assert_eq!(
            texts,
            Texts { headers: r#"{"x-n":"x","x-1":1}"#.into(), query: String::new(), body: None }
        );
        assert_eq!(Texts::from_note(&texts.to_note()), Some(texts));
        assert_eq!(
            Texts::from_note(br#"{"a":"the body of a push"}"#),
            None,
            "the target was of another type"
        );
        let without = Parts { headers: None, query: None, body: None };
        assert_eq!(without.make(&event()).unwrap().body.as_deref(), Some(""), "no body is an empty one");
    }

    #[test]
    fn headers_and_query_are_flat_objects() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("P", " "), Ok(vec![]));
        assert_eq!(
            pairs("P", r#"{"a":"1","b":2.50,"c":true}"#),
            Ok(vec![pair("a", "1"), pair("b", "2.5"), pair("c", "true"),])
        );
        for text in ["[]", "x", r#"{"a":"say "hi""}"#] {
            assert!(pairs("P", text).unwrap_err().starts_with("P do not become a JSON object"), "{text}");
        }
        assert!(pairs("P", r#"{"a":{}}"#).unwrap_err().contains("`a`"));
    }
}
