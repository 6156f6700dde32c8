//! Copies of past events.

use bytes::{BufMut, Bytes, BytesMut};
use kulkul_model::{Draft, Timestamp, TraceId};
use kulkul_store::{NewRecord, QueueId, Record, Route};

use super::{REPLAY_ATTRIBUTE, ReplayId};

/// Whether a stored event is a copy.
pub(crate) fn is_copy(body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    // Nearly all events do not have the word in them, and need not be parsed.
    text.contains(REPLAY_ATTRIBUTE)
        && Draft::parse(text).is_ok_and(|event| event.get(REPLAY_ATTRIBUTE).is_some())
}

/// A stored event with the mark of a replay. Nothing else of it changes. `None` when it is no JSON object.
pub(super) fn marked(body: &[u8], id: &ReplayId) -> Option<Bytes> {
    // An accepted event is compact JSON with some attributes, so it ends with a brace and the mark is not the first.
    let open = body.strip_suffix(b"}")?;
    let mark = format!(",\"{REPLAY_ATTRIBUTE}\":\"{id}\"}}");
    let mut copy = BytesMut::with_capacity(open.len() + mark.len());
    copy.put_slice(open);
    copy.put_slice(mark.as_bytes());
    Some(copy.freeze())
}

/// The record of a copy, for some queues.
pub(super) fn record_of(original: &Record, body: Bytes, queues: Vec<QueueId>, now: Timestamp) -> NewRecord {
    let route = |queue| Route { queue, not_before: now, leased_until: None };
    NewRecord {
        key: original.key.clone(),
        trace_id: TraceId::random(),
        accepted_at: now,
        body,
        routes: queues.into_iter().map(route).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_event_with_the_mark_and_is_known_as_one() {
        let id: ReplayId = "0123456789abcdef0123".parse().unwrap();
        let event = r#"{"id":"i","data":{"kulkulreplay":1}}"#;
        assert!(!is_copy(event.as_bytes()), "only the attribute counts");
        let copy = marked(event.as_bytes(), &id).unwrap();
        let expected = r#"{"id":"i","data":{"kulkulreplay":1},"kulkulreplay":"0123456789abcdef0123"}"#;
        assert_eq!(std::str::from_utf8(&copy), Ok(expected));
        assert!(is_copy(&copy));
        assert_eq!(marked(b"[1]", &id), None);
    }
}
