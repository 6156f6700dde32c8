//! The events in what was pushed: one or a list, in any form in which CloudEvents travel.

use http::HeaderMap;
use kulkul_model::{Draft, EventError};
use serde_json::value::RawValue;

use super::error::ReceiveError;
use crate::eventbridge::data_plane::{event_in_headers, event_in_json};

/// As many as fit into a body anyway, when they are small. Ours.
const EVENT_COUNT_MAX: usize = 1000;

/// An event that was read, or why it could not be.
pub(super) type Read<'a> = Result<Draft<'a>, EventError>;

/// Reads the events of a body. They stay as they came: whatever media type it claims, an object is an event and an
/// array is a list of them; only headers that start with `ce-` make the body the data of one.
pub(super) fn read<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Vec<Read<'a>>, ReceiveError> {
    if headers.keys().any(|name| name.as_str().starts_with("ce-")) {
        return Ok(vec![event_in_headers(headers, body)]);
    }
    let unreadable =
        |reason: String| ReceiveError::Unreadable { expected: "an event or a list of events", reason };
    let text = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
    if !text.trim_start().starts_with('[') {
        return Ok(vec![event_in_json(text)]);
    }
    let list: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    match list.len() {
        0 => Err(unreadable("the list is empty".to_owned())),
        1..=EVENT_COUNT_MAX => Ok(list.into_iter().map(|event| event_in_json(event.get())).collect()),
        event_count => Err(ReceiveError::TooManyEvents { event_count, event_count_max: EVENT_COUNT_MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::headers;

    #[test]
    fn an_object_is_an_event_and_an_array_a_list() {
        let table: [(&str, &str, &[&str]); 5] = [
            ("content-type:application/json", r#" {"id":"1"}"#, &["1"]),
            ("content-type:application/json", r#"[{"id":"1"},{"id":"2"}]"#, &["1", "2"]),
            ("content-type:text/plain", r#"{"id":"1"}"#, &["1"]),
            ("content-type:application/cloudevents-batch+json", r#"[{"id":"1"}]"#, &["1"]),
            ("ce-id:7\ncontent-type:application/json", "[1]", &["7"]),
        ];
        for (head, body, ids) in table {
            let read = read(&headers(head), body.as_bytes()).unwrap();
            let seen: Vec<String> = read
                .iter()
                .map(|draft| draft.as_ref().unwrap().get_text("id").unwrap().into_owned())
                .collect();
            assert_eq!(seen, ids, "{body}");
        }
    }

    #[test]
    fn what_is_no_list_of_events_is_refused() {
        let many = format!("[{}]", vec!["{}"; 1001].join(","));
        let table =
            [("[]", "the list is empty"), ("[{]", "not an event or a list"), (many.as_str(), "not 1001")];
        for (body, reason) in table {
            let error = read(&HeaderMap::new(), body.as_bytes()).map(|read| read.len()).unwrap_err();
            assert!(error.chain().contains(reason), "{error}");
        }
        assert!(read(&HeaderMap::new(), b"\"x\"").unwrap()[0].is_err(), "by itself");
        assert!(read(&HeaderMap::new(), b"\xff").is_err());
    }
}
