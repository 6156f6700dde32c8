//! The event that a message becomes.
//!
//! Source: EventBridge, "Create a custom event source of the SMQ type", whose sample shows every attribute.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_model::{Draft, Identity, MessageQueueName};
use kulkul_queue::Message;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The type of every event of a queue.
pub(crate) const EVENT_TYPE: &str = "mns:Queue:SendMessage";

/// Makes the event of a message. It has the same id whenever the message is received again.
pub(super) fn draft(
    message: &Message,
    source: &str,
    identity: &Identity,
    queue: &MessageQueueName,
    request_id: &str,
    decodes_base64: bool,
) -> Draft<'static> {
    let arn = format!("acs:mns:{}:{}:queues/{queue}", identity.region, identity.account);
    let body = if decodes_base64 { decoded(&message.text) } else { Cow::Borrowed(message.text.as_str()) };
    let data = json!({ "requestId": request_id, "messageId": message.id, "messageBody": body });
    let mut draft = Draft::empty();
    draft.set_text("id", &event_id(&arn, &message.id));
    draft.set_text("source", source);
    draft.set_text("specversion", "1.0");
    draft.set_text("type", EVENT_TYPE);
    draft.set_text("datacontenttype", "application/json; charset=utf-8");
    draft.set_text("subject", &arn);
    draft.set_text("time", &message.sent_at.to_string());
    draft.set("data", data.to_string());
    draft
}

/// What Base64 holds; the text itself when it is none, or holds no text.
fn decoded(text: &str) -> Cow<'_, str> {
    let bytes = STANDARD.decode(text.trim()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A UUID that follows from the queue and the message.
fn event_id(arn: &str, message_id: &str) -> String {
    let digest = Sha256::digest(format!("{arn}/{message_id}"));
    let mut bytes: [u8; 16] = std::array::from_fn(|index| digest[index]);
    // Version 8, whose bits mean what its maker likes; RFC 9562.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    let [a, b, c, d, e] = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base64_of_text_is_decoded() {
        let table = [
            ("aGVsbG8=", "hello"),
            ("hello", "hello"),
            ("/w==", "/w=="),
            ("", ""),
            ("{\"a\":1}", "{\"a\":1}"),
        ];
        for (text, expected) in table {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }

    #[test]
    fn an_event_id_follows_from_the_message() {
        let id = event_id("acs:mns:cn-hangzhou:1:queues/q", "M1");
        assert_eq!(id, event_id("acs:mns:cn-hangzhou:1:queues/q", "M1"));
        assert_ne!(id, event_id("acs:mns:cn-hangzhou:1:queues/q", "M2"));
        assert_eq!(id.len(), 36);
    }
}
