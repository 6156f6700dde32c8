//! Message queues as event sources.
//!
//! Source: EventBridge 2020-04-01, `SourceMNSParameters`.

use kulkul_source::SourceKind;
use kulkul_source::message_queue::QueueSettings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::error::RpcError;
use crate::fields::misshapen;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(default)]
    region_id: String,
    #[serde(default)]
    queue_name: String,
    /// `true` or `false`, or that as text when the parameters are flattened.
    #[serde(default)]
    is_base64_decode: Value,
}

pub(super) fn read(parameter: &'static str, block: Value) -> Result<SourceKind, RpcError> {
    let invalid = |reason: &str| RpcError::invalid_because(parameter, reason);
    let given: Parameters = serde_json::from_value(block).map_err(|error| invalid(&misshapen(&error)))?;
    if given.queue_name.is_empty() {
        return Err(invalid("QueueName is required"));
    }
    let queue = given
        .queue_name
        .parse()
        .map_err(|error: kulkul_model::InvalidName| invalid(&format!("QueueName is {error}")))?;
    let decodes_base64 = match &given.is_base64_decode {
        Value::Null => true,
        Value::Bool(decodes) => *decodes,
        Value::String(text) if text.is_empty() || text.eq_ignore_ascii_case("true") => true,
        Value::String(text) if text.eq_ignore_ascii_case("false") => false,
        _ => return Err(invalid("IsBase64Decode must be true or false")),
    };
    Ok(SourceKind::Queue(QueueSettings { region: given.region_id, queue, decodes_base64 }))
}

pub(super) fn shown(settings: &QueueSettings) -> Map<String, Value> {
    let block = json!({
        "RegionId": settings.region,
        "QueueName": settings.queue.as_str(),
        "IsBase64Decode": settings.decodes_base64,
    });
    Map::from_iter([("SourceMNSParameters".to_owned(), block)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(block: Value) -> Result<QueueSettings, String> {
        match read("SourceMNSParameters", block) {
            Ok(SourceKind::Queue(settings)) => Ok(settings),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.message),
        }
    }

    #[test]
    fn a_queue_is_read_in_every_spelling() {
        let table = [
            (json!({"QueueName": "q1", "RegionId": "cn-hangzhou"}), true),
            (json!({"QueueName": "q1", "RegionId": "cn-hangzhou", "IsBase64Decode": true}), true),
            (json!({"QueueName": "q1", "RegionId": "cn-hangzhou", "IsBase64Decode": false}), false),
            (json!({"QueueName": "q1", "RegionId": "cn-hangzhou", "IsBase64Decode": "False"}), false),
        ];
        for (block, decodes_base64) in table {
            let expected = QueueSettings {
                region: "cn-hangzhou".to_owned(),
                queue: "q1".parse().unwrap(),
                decodes_base64,
            };
            assert_eq!(settings(block.clone()).as_ref(), Ok(&expected), "{block}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            (json!({}), "QueueName is required"),
            (json!({"QueueName": "a_b"}), "not a valid queue name"),
            (json!({"QueueName": "q1", "IsBase64Decode": 7}), "IsBase64Decode must be"),
            (json!([]), "SourceMNSParameters"),
        ];
        for (block, reason) in table {
            let error = settings(block.clone()).unwrap_err();
            assert!(error.contains(reason), "{block}: {error}");
        }
    }
}
