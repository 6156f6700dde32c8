//! The three ways in which CloudEvents travel over HTTP.
//!
//! Source: CloudEvents 1.0, HTTP protocol binding.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use kulkul_model::{Draft, EventError};
use serde_json::value::RawValue;

use super::super::error::RpcError;
use super::media::set_data;
use crate::percent::{Plus, decode_text};

/// An event that was read, or why it could not be.
pub(crate) type Read<'a> = Result<Draft<'a>, EventError>;

/// The events of a request, at most `count_max`.
pub(crate) fn events<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
    count_max: usize,
) -> Result<Vec<Read<'a>>, RpcError> {
    let media_type = content_type(headers).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/cloudevents-batch+json" => batch(text(body)?, count_max),
        "application/cloudevents+json" => Ok(vec![structured(text(body)?)]),
        _ if headers.keys().any(|name| name.as_str().starts_with("ce-")) => Ok(vec![binary(headers, body)]),
        _ => Err(RpcError::business(
            "EventHTTPProtocolBindingInvalid",
            "the request is neither a batch of CloudEvents nor one in structured or binary mode",
        )),
    }
}

/// Empty when there is none.
fn content_type(headers: &HeaderMap) -> &str {
    headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn text(body: &[u8]) -> Result<&str, RpcError> {
    std::str::from_utf8(body).map_err(|_| RpcError::business("EventInvalid", "the body is not UTF-8"))
}

fn batch(json: &str, count_max: usize) -> Result<Vec<Read<'_>>, RpcError> {
    let events: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| {
        RpcError::business("EventInvalid", format!("the body is not a batch of events: {error}"))
    })?;
    match events.len() {
        0 => Err(RpcError::business("EventDataEmpty", "the batch is empty")),
        count if count > count_max => {
            let message = format!("a request has at most {count_max} events, not {count}");
            Err(RpcError::business("InvalidArgument", message))
        }
        _ => Ok(events.into_iter().map(|event| structured(event.get())).collect()),
    }
}

/// One event in JSON. Bytes in `data_base64` become `data`.
pub(crate) fn structured(json: &str) -> Read<'_> {
    let mut draft = Draft::parse(json)?;
    if draft.get("data_base64").is_some() {
        let fault =
            |problem: &str| EventError::Attribute { attribute: "data_base64", problem: problem.to_owned() };
        if draft.get("data").is_some() {
            return Err(fault("excludes `data`"));
        }
        let text = draft.get_text("data_base64").ok_or_else(|| fault("must be a string"))?;
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| fault("is not base64"))?;
        draft.remove("data_base64");
        set_data(&mut draft, bytes);
    }
    Ok(draft)
}

/// One event in headers, with its data as the body.
pub(crate) fn binary<'a>(headers: &HeaderMap, body: &[u8]) -> Read<'a> {
    let mut draft = Draft::empty();
    let content_type = content_type(headers);
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("ce-") else { continue };
        let value = std::str::from_utf8(value.as_bytes()).ok();
        let value = value.and_then(|text| decode_text(&unquoted(text), Plus::Plus).map(Cow::into_owned));
        let value = value.ok_or_else(|| EventError::Extension {
            attribute: name.chars().take(64).collect(),
            problem: "is not UTF-8",
        })?;
        draft.set_text(name.to_owned(), &value);
    }
    if !content_type.is_empty() {
        draft.set_text("datacontenttype", content_type);
    }
    if !body.is_empty() {
        set_data(&mut draft, body.to_vec());
    }
    Ok(draft)
}

/// The content of a header's value that stands in double quotes, as they may.
///
/// Source: CloudEvents 1.0.2, HTTP protocol binding, 3.1.3.2: quotes are undone first, then percent-encoding.
fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        // A backslash stands for what follows it.
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::headers;

    const BATCH: &str = "content-type:application/cloudevents-batch+json; charset=utf-8";

    /// Source: recorded from the official client.
    const RECORDED: &str = r#"[{"id":"i1","source":"src","specversion":"1.0","type":"ty","datacontenttype":"application/json","subject":"s",
        "time":"2020-08-24T13:54:05.965Asia/Shanghai","data":{"a":1},"aliyuneventbusname":"b1","x":"y"},
        {"id":"i2","source":"src","specversion":"1.0","type":"ty",
        "datacontenttype":"application/json; charset=utf-8","data_base64":"cGxhaW4=","aliyuneventbusname":"b1"}]"#;

    #[test]
    fn a_recorded_batch_is_understood() {
        let headers = headers(BATCH);
        let events = events(&headers, RECORDED.as_bytes(), 16).unwrap();
        let [Ok(one), Ok(other)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((one.get("data"), one.get("x")), (Some(r#"{"a":1}"#), Some(r#""y""#)));
        assert_eq!((other.get("data"), other.get("data_base64")), (Some(r#""plain""#), None));
    }

    #[test]
    fn one_event_comes_in_structured_or_binary_mode() {
        let structured = headers("content-type:application/cloudevents+json");
        let read = events(&structured, br#"{"id":"1","data":2}"#, 16).unwrap();
        assert_eq!(read[0].as_ref().unwrap().get("data"), Some("2"));
        let binary =
            headers("ce-id:a%20b\nce-source:s\nce-aliyuneventbusname:b1\ncontent-type:application/json");
        let read = events(&binary, br#"{"a":1}"#, 16).unwrap();
        let draft = read[0].as_ref().unwrap();
        let seen = ["id", "source", "aliyuneventbusname", "datacontenttype"]
            .map(|name| draft.get_text(name).unwrap());
        assert_eq!(seen, ["a b", "s", "b1", "application/json"]);
        assert_eq!(draft.get("data"), Some(r#"{"a":1}"#));
    }

    #[test]
    fn values_of_headers_may_stand_in_quotes() {
        let table = [
            (r#""a b""#, "a b"),
            (r#""a \"b\" \\ %C3%BC""#, r#"a "b" \ ü"#),
            (r#""""#, ""),
            (r#"""#, r#"""#),
            (r#"a "b""#, r#"a "b""#),
            (r"a\b", r"a\b"),
        ];
        for (sent, expected) in table {
            let headers = headers(&format!("ce-id:1\nce-subject:{sent}"));
            let read = events(&headers, b"", 16).unwrap();
            assert_eq!(read[0].as_ref().unwrap().get_text("subject").unwrap(), expected, "{sent}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let batch = headers(BATCH);
        let seventeen = format!("[{}]", vec!["{}"; 17].join(","));
        let table = [
            (&batch, "{}", "EventInvalid"),
            (&batch, "[]", "EventDataEmpty"),
            (&batch, seventeen.as_str(), "InvalidArgument"),
            (&headers("content-type:application/json"), "{}", "EventHTTPProtocolBindingInvalid"),
        ];
        for (headers, body, code) in table {
            assert_eq!(events(headers, body.as_bytes(), 16).map(|read| read.len()).unwrap_err().code, code);
        }
        for event in [r#"{"data":1,"data_base64":"AA=="}"#, r#"{"data_base64":1}"#, r#"{"data_base64":"?"}"#]
        {
            let body = format!("[{event}]");
            assert!(events(&batch, body.as_bytes(), 16).unwrap()[0].is_err(), "{event}: by itself");
        }
    }
}
