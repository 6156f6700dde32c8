//! The native payload of object triggers: `{"events":[…]}`.

use bytes::Bytes;
use kulkul_model::Event;
use serde_json::{Map, Value, json};

/// Makes the notification of an `acs.oss` event.
///
/// The event's `data` already has the notification's layout; it lacks what the envelope says, and the notification
/// names the event without its `oss:` prefix.
pub(crate) fn of(event: &Event) -> Bytes {
    let envelope: Value = serde_json::from_slice(event.json()).unwrap_or(Value::Null);
    let text = |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let data = envelope.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut entry = Map::new();
    entry.insert("eventName".into(), event.kind().strip_prefix("oss:").unwrap_or(event.kind()).into());
    entry.insert("eventSource".into(), "acs:oss".into());
    entry.insert("eventTime".into(), text("time").into());
    entry.insert("eventVersion".into(), "1.0".into());
    entry.insert("region".into(), text("aliyunregionid").into());
    for (name, value) in data {
        entry.entry(name).or_insert(value);
    }
    entry.entry("userIdentity").or_insert_with(|| json!({"principalId": text("aliyunaccountid")}));
    Bytes::from(json!({"events": [entry]}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_event_becomes_the_native_notification() {
        let body = r#"{"id":"1","source":"acs.oss","type":"oss:ObjectCreated:PutObject","time":"2026-11-22T06:21:35.000Z",
            "aliyunregionid":"cn-hangzhou","aliyunaccountid":"1234567890123456",
            "data":{"eventVersion":"1.0","oss":{"bucket":{"name":"media"},"object":{"key":"in/a.jpg","size":5}}}}"#;
        let event = Event::from_stored(
            body.into(),
            "1".into(),
            "acs.oss".into(),
            "oss:ObjectCreated:PutObject".into(),
            None,
        );
        let got: Value = serde_json::from_slice(&of(&event)).unwrap();
        let entry = &got["events"][0];
        assert_eq!(entry["eventName"], "ObjectCreated:PutObject");
        assert_eq!(entry["oss"]["object"]["key"], "in/a.jpg");
        assert_eq!(entry["userIdentity"]["principalId"], "1234567890123456");
        assert_eq!(entry["region"], "cn-hangzhou");
    }
}
