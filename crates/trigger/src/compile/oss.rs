//! `oss` triggers: what happens to the objects of one bucket.

use kulkul_bus::RuleStatus;
use kulkul_delivery::ParamForm;
use serde_json::{Map, Value, json};

use super::{Compiled, Context, TargetForm, body, function_target};
use crate::TriggerError;
use crate::error::invalid;

/// What a trigger can ask for. Source: Function Compute 2023-03-30, OSS triggers, "events".
const EVENTS: [&str; 13] = [
    "oss:ObjectCreated:PutObject",
    "oss:ObjectCreated:PostObject",
    "oss:ObjectCreated:CompleteMultipartUpload",
    "oss:ObjectCreated:PutSymlink",
    "oss:ObjectCreated:CopyObject",
    "oss:ObjectCreated:AppendObject",
    "oss:ObjectCreated:InitiateMultipartUpload",
    "oss:ObjectCreated:UploadPart",
    "oss:ObjectCreated:UploadPartCopy",
    UPDATE_META,
    "oss:ObjectRemoved:DeleteObject",
    "oss:ObjectRemoved:DeleteObjects",
    "oss:ObjectRemoved:AbortMultipartUpload",
];

const UPDATE_META: &str = "oss:ObjectModified:UpdateObjectMeta";
const GROUPS: [&str; 3] = ["oss:ObjectCreated:", "oss:ObjectModified:", "oss:ObjectRemoved:"];

/// The events of these triggers are invoked asynchronously, as the cloud does it.
pub(super) fn compile(config: &Map<String, Value>, context: Context<'_>) -> Result<Compiled, TriggerError> {
    let bucket = bucket_of(context.source_arn.unwrap_or_default())?;
    let events = events_of(config)?;
    let filter = filter_of(config)?;
    let mut object = json!({"bucket": {"name": [bucket]}});
    if let Some(filter) = filter {
        object["object"] = json!({"key": [filter]});
    }
    let mut pattern = json!({"source": ["acs.oss"], "type": types_of(&events), "data": {"oss": object}});
    let of_metadata = events.iter().any(|event| matches!(*event, UPDATE_META | "oss:ObjectModified:*"));
    if of_metadata && context.extended_patterns {
        // A new description of an object is a copy onto itself, which is an event of another name.
        let types = pattern["type"].take();
        pattern.as_object_mut().map(|members| members.shift_remove("type"));
        let copied = json!({"type": ["oss:ObjectCreated:CopyObject"], "data": {"oss": {"object": {"deltaSize": [0]}}}});
        pattern["$or"] = json!([{"type": types}, copied]);
    }
    let target = function_target(
        context,
        TargetForm { body: body(ParamForm::ObjectNotification, None), invocation_type: "Async" },
    );
    Ok(Compiled { pattern: pattern.to_string(), status: RuleStatus::Enabled, target })
}

/// The bucket of `acs:oss:{region}:{account}:{bucket}`.
fn bucket_of(source_arn: &str) -> Result<&str, TriggerError> {
    let mut parts = source_arn.splitn(5, ':');
    let bucket = match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("acs"), Some("oss"), Some(_), Some(_), Some(bucket)) => Some(bucket),
        _ => None,
    };
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match bucket.filter(|bucket| (3..=63).contains(&bucket.len()) && bucket.bytes().all(legal)) {
        Some(bucket) => Ok(bucket),
        None => invalid("sourceArn must be acs:oss:{region}:{account}:{bucket} for a trigger of type oss"),
    }
}

fn events_of(config: &Map<String, Value>) -> Result<Vec<&str>, TriggerError> {
    let Some(events) = config.get("events").and_then(Value::as_array).filter(|events| !events.is_empty())
    else {
        return invalid("triggerConfig.events must be a list of at least one event");
    };
    let mut names = Vec::with_capacity(events.len().min(EVENTS.len()));
    for event in events {
        let name = event.as_str().unwrap_or_default();
        let known =
            EVENTS.contains(&name) || name.strip_suffix('*').is_some_and(|group| GROUPS.contains(&group));
        if !known {
            let shown: String = event.to_string().chars().take(128).collect();
            return invalid(format!(
                "triggerConfig.events must not have {shown}; supported: {} and oss:ObjectCreated:* and the like",
                EVENTS.join(", ")
            ));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Names become values, groups become prefixes.
fn types_of(events: &[&str]) -> Value {
    events
        .iter()
        .map(|event| match event.strip_suffix('*') {
            Some(group) => json!({"prefix": group}),
            None => Value::from(*event),
        })
        .collect()
}

/// The condition on the key. The names of the members are written with capitals by older tools.
fn filter_of(config: &Map<String, Value>) -> Result<Option<Value>, TriggerError> {
    let Some(filter) = config.get("filter").filter(|filter| !filter.is_null()) else { return Ok(None) };
    let either = |value: &Value, lower: &str, upper: &str| {
        value.get(lower).or_else(|| value.get(upper)).filter(|value| !value.is_null()).cloned()
    };
    let Some(key) = either(filter, "key", "Key") else { return Ok(None) };
    if !filter.is_object() || !key.is_object() {
        return invalid("triggerConfig.filter.key must be an object with prefix and suffix");
    }
    let mut condition = Map::new();
    for (operator, upper) in [("prefix", "Prefix"), ("suffix", "Suffix")] {
        match either(&key, operator, upper) {
            None => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) if text.len() <= 1023 => {
                condition.insert(operator.to_owned(), text.into());
            }
            Some(_) => {
                return invalid(format!(
                    "triggerConfig.filter.key.{operator} must be a string of at most 1023 bytes"
                ));
            }
        }
    }
    Ok((!condition.is_empty()).then_some(Value::Object(condition)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_delivery::{Call, InvocationMode};
    use kulkul_model::{Identity, Qualifier};
    use kulkul_pattern::{Pattern, PatternOptions};
    use kulkul_store::QueueId;

    const BUCKET: &str = "acs:oss:cn-hangzhou:1234567890123456:media";

    fn compiled(config: Value, source_arn: Option<&str>) -> Result<Compiled, TriggerError> {
        let identity =
            Identity { account: "1234567890123456".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let (function, qualifier) = ("resize".parse().unwrap(), Qualifier::latest());
        let context = Context {
            identity: &identity,
            function: &function,
            qualifier: &qualifier,
            source_arn,
            extended_patterns: true,
        };
        compile(config.as_object().unwrap(), context)
    }

    fn event(kind: &str, bucket: &str, key: &str, delta_size: i64) -> String {
        json!({"id": "1", "source": "acs.oss", "type": kind,
            "data": {"oss": {"bucket": {"name": bucket}, "object": {"key": key, "deltaSize": delta_size}}}})
        .to_string()
    }

    fn matches(config: Value, event: &str) -> bool {
        let pattern = compiled(config, Some(BUCKET)).unwrap().pattern;
        Pattern::parse(&pattern, &PatternOptions::default()).unwrap().matches(event.as_bytes())
    }

    #[test]
    fn events_bucket_and_key_select() {
        let config = || {
            json!({"events": ["oss:ObjectCreated:*", "oss:ObjectRemoved:DeleteObject"],
                "filter": {"key": {"prefix": "in/", "suffix": ".jpg"}}})
        };
        let table = [
            ("oss:ObjectCreated:PutObject", "media", "in/a.jpg", true),
            ("oss:ObjectCreated:CompleteMultipartUpload", "media", "in/a.jpg", true),
            ("oss:ObjectRemoved:DeleteObject", "media", "in/a.jpg", true),
            ("oss:ObjectRemoved:DeleteObjects", "media", "in/a.jpg", false),
            ("oss:ObjectCreated:PutObject", "other", "in/a.jpg", false),
            ("oss:ObjectCreated:PutObject", "media", "out/a.jpg", false),
            ("oss:ObjectCreated:PutObject", "media", "in/a.png", false),
        ];
        for (kind, bucket, key, expected) in table {
            assert_eq!(matches(config(), &event(kind, bucket, key, 1)), expected, "{kind} {bucket} {key}");
        }
    }

    #[test]
    fn capitals_and_empty_conditions_are_understood() {
        let put = |key| event("oss:ObjectCreated:PutObject", "media", key, 1);
        let config = |filter: Value| json!({"events": ["oss:ObjectCreated:PutObject"], "filter": filter});
        let capitals = || config(json!({"Key": {"Prefix": "in/", "Suffix": ""}}));
        assert!(matches(capitals(), &put("in/x")) && !matches(capitals(), &put("x")));
        for filter in [json!(null), json!({}), json!({"key": null}), json!({"key": {"prefix": ""}})] {
            assert!(matches(config(filter), &put("x")));
        }
    }

    #[test]
    fn a_copy_onto_itself_counts_as_new_metadata() {
        let config = || json!({"events": ["oss:ObjectModified:UpdateObjectMeta"]});
        assert!(matches(config(), &event("oss:ObjectModified:UpdateObjectMeta", "media", "a", 0)));
        assert!(matches(config(), &event("oss:ObjectCreated:CopyObject", "media", "a", 0)));
        assert!(!matches(config(), &event("oss:ObjectCreated:CopyObject", "media", "a", 7)));
        assert!(!matches(config(), &event("oss:ObjectCreated:CopyObject", "other", "a", 0)));
    }

    #[test]
    fn it_is_invoked_asynchronously_with_the_native_notification() {
        let rule = compiled(json!({"events": ["oss:ObjectCreated:PutObject"]}), Some(BUCKET)).unwrap();
        let plan = rule.target.compile(QueueId("q".into())).unwrap();
        assert!(matches!(plan.call, Call::Function { mode: InvocationMode::Async, .. }), "{:?}", plan.call);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let fine = || json!({"events": ["oss:ObjectCreated:PutObject"]});
        let table = [
            (fine(), None, "sourceArn must be acs:oss:"),
            (fine(), Some("acs:oss:cn-hangzhou:1"), "sourceArn must be acs:oss:"),
            (fine(), Some("acs:oss:cn-hangzhou:1:Not_A_Bucket"), "sourceArn must be acs:oss:"),
            (json!({}), Some(BUCKET), "triggerConfig.events must be a list"),
            (json!({"events": []}), Some(BUCKET), "triggerConfig.events must be a list"),
            (json!({"events": ["oss:*"]}), Some(BUCKET), "triggerConfig.events must not have \"oss:*\""),
            (json!({"events": [7]}), Some(BUCKET), "triggerConfig.events must not have 7"),
            (
                json!({"events": ["oss:ObjectCreated:*"], "filter": {"key": "in/"}}),
                Some(BUCKET),
                "triggerConfig.filter.key must be an object",
            ),
            (
                json!({"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": 1}}}),
                Some(BUCKET),
                "triggerConfig.filter.key.prefix must be a string",
            ),
        ];
        for (config, source_arn, reason) in table {
            let error = compiled(config, source_arn).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
