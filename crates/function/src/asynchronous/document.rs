//! The settings of asynchronous invocations as they are stored.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{FunctionName, Qualifier, Timestamp};
use kulkul_store::Key;
use serde::{Deserialize, Serialize};

use super::config::{AsyncConfig, Destinations};
use crate::FunctionError;
use crate::document::check_format;

const FORMAT: u32 = 1;

/// What the keys of all settings start with.
pub(super) const CONFIG_PREFIX: &str = "async/";

pub(super) fn config_key(function: &FunctionName, qualifier: &Qualifier) -> Key {
    format!("{CONFIG_PREFIX}{function}/{qualifier}").into()
}

#[derive(Serialize, Deserialize)]
struct StoredConfig {
    format: u32,
    function: String,
    qualifier: String,
    function_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    async_task: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destinations: Option<StoredDestinations>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_max_secs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_count_max: Option<u32>,
    created_ms: i64,
    modified_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredDestinations {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<String>,
}

pub(super) fn write(config: &AsyncConfig) -> Bytes {
    let stored = StoredConfig {
        format: FORMAT,
        function: config.function.to_string(),
        qualifier: config.qualifier.to_string(),
        function_id: config.function_id.clone(),
        async_task: config.async_task,
        destinations: config.destinations.clone().map(|destinations| StoredDestinations {
            on_success: destinations.on_success,
            on_failure: destinations.on_failure,
        }),
        age_max_secs: config.age_max.map(|age| age.as_secs()),
        retry_count_max: config.retry_count_max,
        created_ms: config.created_at.as_millis(),
        modified_ms: config.modified_at.as_millis(),
    };
    serde_json::to_vec(&stored).expect("a struct of texts and numbers is JSON").into()
}

pub(super) fn read(key: &Key, value: &[u8]) -> Result<AsyncConfig, FunctionError> {
    check_format(key, value, FORMAT)?;
    let corrupt = |source| FunctionError::Corrupt { key: key.to_string(), source };
    let stored: StoredConfig = serde_json::from_slice(value).map_err(corrupt)?;
    Ok(AsyncConfig {
        function: stored.function.parse().map_err(|error| corrupt(serde::de::Error::custom(error)))?,
        qualifier: stored.qualifier.parse().map_err(|error| corrupt(serde::de::Error::custom(error)))?,
        function_id: stored.function_id,
        async_task: stored.async_task,
        destinations: stored.destinations.map(|destinations| Destinations {
            on_success: destinations.on_success,
            on_failure: destinations.on_failure,
        }),
        age_max: stored.age_max_secs.map(Duration::from_secs),
        retry_count_max: stored.retry_count_max,
        created_at: Timestamp::from_millis(stored.created_ms),
        modified_at: Timestamp::from_millis(stored.modified_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_format_1_stays_readable() {
        let stored =
            br#"{"format":1,"function":"resize","qualifier":"LATEST","function_id":"id","async_task":true,
            "destinations":{"on_failure":"acs:fc:cn-hangzhou:1:functions/after"},"age_max_secs":300,
            "retry_count_max":0,"created_ms":1,"modified_ms":2}"#;
        let key = config_key(&"resize".parse().unwrap(), &Qualifier::latest());
        let config = read(&key, stored).unwrap();
        assert_eq!((config.async_task, config.retry_count_max), (Some(true), Some(0)));
        assert_eq!(config.age_max, Some(Duration::from_secs(300)));
        assert_eq!(read(&key, &write(&config)).unwrap(), config);
    }
}
