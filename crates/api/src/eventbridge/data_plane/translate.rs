//! From the data plane's words to the control plane's, and back.

use std::borrow::Cow;

use kulkul_model::AccountId;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::error::RpcError;
use super::super::params::Params;
use super::super::reply::{RequestId, Success};
use super::operation::{Answer, Row};
use crate::fields::Fields;

/// The members of a body as parameters. What is structured becomes JSON text, as the control plane takes it.
pub(super) fn params<'a>(row: &Row, body: &'a [u8]) -> Result<Params<'a>, RpcError> {
    // Some clients send nothing when all that an operation takes is optional.
    let body = if body.is_empty() { b"{}" } else { body };
    let fields =
        Fields::parse(body).map_err(|error| RpcError::business("JsonAttributeInvalid", error.to_string()))?;
    let members: Vec<_> = fields.into_members().filter(|(_, value)| value.get() != "null").collect();
    let lost = members.iter().find(|(name, value)| row.not_kept.contains(&&**name) && says_something(value));
    if let Some((name, _)) = lost {
        let message = format!("{name} are not kept by this server: leave them out");
        return Err(RpcError::business("InvalidArgument", message));
    }
    Ok(Params::from_members(members.into_iter().map(|(name, value)| {
        let there =
            row.renamed.iter().find(|(here, _)| *here == name).map(|(_, there)| Cow::Borrowed(*there));
        (there.unwrap_or(name), text_of(value))
    })))
}

/// Clients send empty objects, lists and texts for what is not there.
fn says_something(value: &RawValue) -> bool {
    match serde_json::from_str(value.get()) {
        Ok(Value::Object(members)) => !members.is_empty(),
        Ok(Value::Array(items)) => !items.is_empty(),
        Ok(Value::String(text)) => !text.is_empty(),
        Ok(Value::Null) => false,
        Ok(Value::Bool(_) | Value::Number(_)) | Err(_) => true,
    }
}

/// A string without its quotes, anything else as it stands.
fn text_of(value: &RawValue) -> Cow<'_, str> {
    match serde_json::from_str::<String>(value.get()) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(value.get()),
    }
}

/// The answer of an operation: what the control plane has in `Data`, at the top.
pub(super) fn answer(
    row: &Row,
    success: &Success,
    id: &RequestId,
    account: &AccountId,
) -> Result<Vec<u8>, RpcError> {
    let mut out = format!(r#"{{"RequestId":"{}","ResourceOwnerAccountId":"{account}""#, id.as_str());
    if let Some(data) = success.data() {
        add(&mut out, row.answer, data).map_err(|error| RpcError::internal(error.to_string()))?;
    }
    out.push('}');
    Ok(out.into_bytes())
}

fn add(out: &mut String, answer: Answer, data: &[u8]) -> Result<(), serde_json::Error> {
    match answer {
        Answer::Nothing => {}
        Answer::Members(renamed) => add_members(out, renamed, serde_json::from_slice(data)?),
        Answer::MembersOfFirst(renamed) => {
            let items: Vec<Fields<'_>> = serde_json::from_slice(data)?;
            items.into_iter().take(1).for_each(|item| add_members(out, renamed, item));
        }
        Answer::Under(name) => add_member(out, name, serde_json::from_slice(data)?),
    }
    Ok(())
}

fn add_members(out: &mut String, renamed: &[(&str, &str)], fields: Fields<'_>) {
    for (name, value) in fields.into_members() {
        let here = renamed.iter().find(|(there, _)| *there == name).map_or(&*name, |(_, here)| here);
        add_member(out, here, value);
    }
}

/// The names are ours: words that need no escape.
fn add_member(out: &mut String, name: &str, value: &RawValue) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    out.push_str(value.get());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(path: &str) -> &'static Row {
        Row::at(path).unwrap()
    }

    #[test]
    fn structured_parameters_become_text_and_some_have_other_names() {
        let body =
            r#"{"EventBusName":"b","Targets":[{"Id":"t"}],"Limit":3,"Description":null,"RuleName":"a\"b"}"#;
        let params = params(row("createRule"), body.as_bytes()).unwrap();
        let seen = ["EventBusName", "EventTargets", "Targets", "Limit", "Description", "RuleName"];
        let expected = [Some("b"), Some(r#"[{"Id":"t"}]"#), None, Some("3"), None, Some("a\"b")];
        assert_eq!(seen.map(|name| params.get(name)), expected);
        assert_eq!(super::params(row("createRule"), b"[]").unwrap_err().code, "JsonAttributeInvalid");
        assert!(super::params(row("listEventBuses"), b"").unwrap().get("Limit").is_none());
    }

    #[test]
    fn what_would_be_lost_is_refused_and_nothing_is_no_loss() {
        for path in ["createEventBus", "createRule", "updateRule"] {
            for tags in [r#"{"team":"a"}"#, r#"[{"Key":"team"}]"#, r#""team""#] {
                let error = params(row(path), format!(r#"{{"Tags":{tags}}}"#).as_bytes()).unwrap_err();
                assert_eq!(error.code, "InvalidArgument", "{path} {tags}");
                assert!(error.message.starts_with("Tags are not kept"), "{}", error.message);
            }
            for none in ["{}", "[]", r#""""#, "null"] {
                assert!(
                    params(row(path), format!(r#"{{"Tags":{none}}}"#).as_bytes()).is_ok(),
                    "{path} {none}"
                );
            }
        }
    }

    #[test]
    fn answers_have_no_envelope() {
        let (id, account) = (RequestId::random(), "1409876512340077".parse().unwrap());
        let of = |path: &str, success: Success| -> Value {
            let text = answer(row(path), &success, &id, &account).unwrap();
            let mut answer: Value = serde_json::from_slice(&text).unwrap();
            let members = answer.as_object_mut().unwrap();
            assert_eq!(members.remove("RequestId").unwrap(), id.as_str());
            assert_eq!(members.remove("ResourceOwnerAccountId").unwrap(), "1409876512340077");
            answer
        };
        assert_eq!(of("deleteEventBus", Success::of_200(&true)), json!({}));
        assert_eq!(of("enableRule", Success::EMPTY), json!({}));
        assert_eq!(
            of("createEventBus", Success::of(&json!({"EventBusARN": "a"}))),
            json!({"EventBusARN": "a"})
        );
        let found = json!({"Events": [1], "Total": 1});
        assert_eq!(of("queryEventsByPeriod", Success::of(&found)), json!({"TracedEvents": [1], "Total": 1}));
        assert_eq!(
            of("queryEventByEventId", Success::of(&[found])),
            json!({"TracedEvents": [1], "Total": 1})
        );
        assert_eq!(of("queryEventTraces", Success::of_200(&[1])), json!({"EventTraceList": [1]}));
    }
}
