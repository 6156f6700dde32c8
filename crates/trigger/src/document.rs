//! Triggers as they are stored.

use bytes::Bytes;
use kulkul_model::{FunctionName, InvalidName, Timestamp, TriggerName};
use kulkul_store::{Key, StoreError};
use serde::{Deserialize, Serialize};

use crate::TriggerError;
use crate::trigger::{RuleOrigin, Trigger};

const FORMAT: u32 = 1;

/// What the keys of all triggers start with.
pub(crate) const TRIGGER_PREFIX: &str = "trigger/";

/// What the keys of a function's triggers start with.
pub(crate) fn function_prefix(function: &FunctionName) -> String {
    format!("{TRIGGER_PREFIX}{function}/")
}

pub(crate) fn trigger_key(function: &FunctionName, trigger: &TriggerName) -> Key {
    format!("{TRIGGER_PREFIX}{function}/{trigger}").into()
}

#[derive(Serialize, Deserialize)]
struct StoredTrigger {
    format: u32,
    function: String,
    name: String,
    id: String,
    kind: String,
    qualifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_role: Option<String>,
    source_arn: String,
    config: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    linked: Option<StoredLink>,
    created_ms: i64,
    modified_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredLink {
    bus: String,
    rule: String,
}

pub(crate) fn write(trigger: &Trigger) -> Bytes {
    let stored = StoredTrigger {
        format: FORMAT,
        function: trigger.function.to_string(),
        name: trigger.name.to_string(),
        id: trigger.id.clone(),
        kind: trigger.kind.to_string(),
        qualifier: trigger.qualifier.to_string(),
        description: trigger.description.clone(),
        invocation_role: trigger.invocation_role.clone(),
        source_arn: trigger.source_arn.clone(),
        config: trigger.config.clone(),
        linked: match &trigger.origin {
            RuleOrigin::Own => None,
            RuleOrigin::Linked { bus, rule } => {
                Some(StoredLink { bus: bus.to_string(), rule: rule.to_string() })
            }
        },
        created_ms: trigger.created_at.as_millis(),
        modified_ms: trigger.modified_at.as_millis(),
    };
    serde_json::to_vec(&stored).expect("a struct of texts and numbers is JSON").into()
}

pub(crate) fn read(key: &Key, value: &[u8]) -> Result<Trigger, TriggerError> {
    check_format(key, value)?;
    let corrupt = |source| TriggerError::Corrupt { key: key.to_string(), source };
    let stored: StoredTrigger = serde_json::from_slice(value).map_err(corrupt)?;
    let named = |error: InvalidName| corrupt(serde::de::Error::custom(error));
    Ok(Trigger {
        function: stored.function.parse().map_err(named)?,
        name: stored.name.parse().map_err(named)?,
        id: stored.id,
        kind: stored
            .kind
            .parse()
            .map_err(|error| corrupt(serde::de::Error::custom::<TriggerError>(error)))?,
        qualifier: stored.qualifier.parse().map_err(named)?,
        description: stored.description,
        invocation_role: stored.invocation_role,
        source_arn: stored.source_arn,
        config: stored.config,
        origin: match stored.linked {
            None => RuleOrigin::Own,
            Some(link) => RuleOrigin::Linked {
                bus: link.bus.parse().map_err(named)?,
                rule: link.rule.parse().map_err(named)?,
            },
        },
        created_at: Timestamp::from_millis(stored.created_ms),
        modified_at: Timestamp::from_millis(stored.modified_ms),
    })
}

fn check_format(key: &Key, value: &[u8]) -> Result<(), TriggerError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = serde_json::from_slice(value)
        .map_err(|source| TriggerError::Corrupt { key: key.to_string(), source })?;
    if head.format == FORMAT {
        return Ok(());
    }
    let source = StoreError::Format {
        what: format!("document `{key}`"),
        found: head.format.to_string(),
        expected: FORMAT.to_string(),
    };
    Err(TriggerError::Store { action: "read a stored document", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_format_1_stays_readable() {
        let stored = br#"{"format":1,"function":"resize","name":"on-upload","id":"546959b5-ce1a-4991-8891-df7a02b25086",
            "kind":"eventbridge","qualifier":"LATEST","description":"new images",
            "source_arn":"acs:eventbridge:cn-hangzhou:1:eventbus/default/rule/other","config":"{}",
            "linked":{"bus":"default","rule":"other"},"created_ms":1,"modified_ms":2}"#;
        let key: Key = "trigger/resize/on-upload".into();
        let trigger = read(&key, stored).unwrap();
        assert_eq!((trigger.name.as_str(), trigger.created_at.as_millis()), ("on-upload", 1));
        assert_eq!(
            trigger.origin,
            RuleOrigin::Linked { bus: "default".parse().unwrap(), rule: "other".parse().unwrap() }
        );
        assert_eq!(read(&key, &write(&trigger)).unwrap(), trigger);
    }

    #[test]
    fn a_later_format_is_refused_by_name() {
        let error = read(&"trigger/a/b".into(), br#"{"format":2}"#).unwrap_err();
        let TriggerError::Store { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.to_string(), "document `trigger/a/b` has format 2, this version reads 1");
    }
}
