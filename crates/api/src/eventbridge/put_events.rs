//! PutEvents: the hot path.
//!
//! The list of events is decoded from the form once and then only borrowed from: an event's attributes are slices of
//! it until the hub writes the event's own text.

use std::borrow::Cow;

use kulkul_bus::Acceptance;
use kulkul_model::{BusName, Draft, EventError};
use serde_json::value::RawValue;

use super::Rpc;
use super::error::{RpcError, event_code};
use super::reply::{RequestId, Success};
use crate::fields::misshapen;

/// Source: EventBridge 2020-04-01, "Limits": 16 events and 1 MB a request.
pub(super) const EVENT_COUNT_MAX: usize = 16;
pub(super) const LIST_BYTES_MAX: usize = 1024 * 1024;

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let bus: BusName = match rpc.params.get("EventBusName") {
        Some("") => return Err(RpcError::business("EventBusEmpty", "The event bus is empty.")),
        _ => rpc.params.bus()?,
    };
    let list = rpc.params.require("EventList")?;
    let drafts = drafts(list)?;
    let answers = rpc.call.api.hub.accept(&bus, drafts, rpc.call.peer.ip()).await?;
    Ok(Success::raw_200(data(&answers)))
}

/// The events of a request, each read or refused by itself.
pub(super) fn drafts(list: &str) -> Result<Vec<Result<Draft<'_>, EventError>>, RpcError> {
    if list.len() > LIST_BYTES_MAX {
        let message = format!("the events of a request have at most {LIST_BYTES_MAX} bytes together");
        return Err(RpcError::business("EventSizeExceed", message));
    }
    let events: Vec<&RawValue> = serde_json::from_str(list)
        .map_err(|error| RpcError::invalid_because("EventList", &misshapen(&error)))?;
    match events.len() {
        0 => Err(RpcError::business("EventDataEmpty", "the list of events is empty")),
        1..=EVENT_COUNT_MAX => {
            Ok(events.into_iter().map(|event| Draft::parse_named(event.get(), cloud_event_name)).collect())
        }
        count => {
            let message = format!("a request has at most {EVENT_COUNT_MAX} events, not {count}");
            Err(RpcError::business("InvalidArgument", message))
        }
    }
}

/// The CloudEvents name of an attribute. On this wire attributes are in Pascal case.
fn cloud_event_name(name: Cow<'_, str>) -> Cow<'_, str> {
    let known = match &*name {
        "Id" => "id",
        "Source" => "source",
        "Type" => "type",
        "Data" => "data",
        "Time" => "time",
        "Subject" => "subject",
        "SpecVersion" => "specversion",
        "DataContentType" => "datacontenttype",
        "DataSchema" => "dataschema",
        _ => return name,
    };
    Cow::Borrowed(known)
}

/// The answer to those who bring events without being clients of ours: `Data` in the form of the data plane.
pub(crate) fn entries(id: &RequestId, answers: &[Result<Acceptance, EventError>]) -> Vec<u8> {
    let mut out = format!(r#"{{"RequestId":"{}","#, id.as_str()).into_bytes();
    out.extend_from_slice(&data(answers)[1..]);
    out
}

/// `Data` of the answer, one entry for each event, in order.
pub(super) fn data(answers: &[Result<Acceptance, EventError>]) -> Vec<u8> {
    use std::io::Write;
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    let mut out = Vec::with_capacity(64 + answers.len() * 128);
    let wrote = (|| {
        write!(out, "{{\"FailedEntryCount\":{failed},\"EntryList\":[")?;
        for (index, answer) in answers.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match answer {
                Ok(Acceptance { event_id, trace_id }) => {
                    out.extend_from_slice(b"{\"EventId\":");
                    serde_json::to_writer(&mut out, event_id)?;
                    write!(out, ",\"TraceId\":\"{trace_id}\"}}")?;
                }
                Err(error) => {
                    write!(out, "{{\"ErrorCode\":\"{}\",\"ErrorMessage\":", event_code(error))?;
                    serde_json::to_writer(&mut out, &error.to_string())?;
                    out.push(b'}');
                }
            }
        }
        out.extend_from_slice(b"]}");
        std::io::Result::Ok(())
    })();
    wrote.expect("writing to memory does not fail");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_model::TraceId;

    /// Source: recorded from the official client.
    const RECORDED: &str = r#"[{"Data":{"a":1},"DataContentType":"application/json","DataSchema":"http://x","Id":"i1","Source":"s",
        "SpecVersion":"1.0","Subject":"sub","Time":"2020-08-24T13:54:05.965Z","Type":"t"},
        {"Data":"text","Id":"i2","Source":"s","Type":"t"}]"#;

    #[test]
    fn the_wire_names_of_attributes_become_those_of_cloudevents() {
        let drafts = drafts(RECORDED).unwrap();
        let first = drafts[0].as_ref().unwrap();
        let names =
            ["id", "source", "type", "specversion", "subject", "time", "datacontenttype", "dataschema"];
        let seen = names.map(|name| first.get_text(name).unwrap().into_owned());
        assert_eq!(
            seen,
            ["i1", "s", "t", "1.0", "sub", "2020-08-24T13:54:05.965Z", "application/json", "http://x"]
        );
        assert_eq!(first.get("data"), Some(r#"{"a":1}"#));
        assert_eq!(drafts[1].as_ref().unwrap().get("data"), Some(r#""text""#));
    }

    #[test]
    fn what_is_wrong_with_the_whole_request_refuses_all_of_it() {
        let seventeen = format!("[{}]", vec!["{}"; 17].join(","));
        let large = format!("[\"{}\"]", "x".repeat(LIST_BYTES_MAX));
        let table = [
            ("{}", "InvalidEventList"),
            ("[{]", "InvalidEventList"),
            ("[]", "EventDataEmpty"),
            (seventeen.as_str(), "InvalidArgument"),
            (large.as_str(), "EventSizeExceed"),
        ];
        for (list, code) in table {
            let refused = drafts(list).map(|drafts| drafts.len()).map_err(|error| error.code);
            assert_eq!(refused, Err(code.into()));
        }
        let sixteen = format!("[{}]", vec!["1"; 16].join(","));
        assert!(drafts(&sixteen).unwrap().iter().all(Result::is_err), "each by itself");
    }

    #[test]
    fn every_event_has_its_entry_in_order() {
        let accepted = Acceptance { event_id: "a\"b".to_owned(), trace_id: TraceId::from_u128(1) };
        let expected = concat!(
            r#"{"FailedEntryCount":1,"EntryList":[{"EventId":"a\"b","TraceId":"00000000-0000-0000-0000-000000000001"},"#,
            r#"{"ErrorCode":"EventIdEmpty","ErrorMessage":"the event has no `id`"}]}"#
        );
        let data = data(&[Ok(accepted), Err(EventError::IdEmpty)]);
        assert_eq!(String::from_utf8(data).unwrap(), expected);
    }
}
