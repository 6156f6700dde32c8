//! The settings of asynchronous invocations on the wire.

use kulkul_function::{AsyncConfig, AsyncConfigPatch, Destinations};
use kulkul_model::{Identity, function_arn};
use serde::{Deserialize, Serialize};

use super::error::FcError;
use crate::fields::Fields;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DestinationsInput {
    on_success: Option<DestinationInput>,
    on_failure: Option<DestinationInput>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DestinationInput {
    destination: Option<String>,
}

/// `AsyncConfig`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AsyncConfigOutput<'a> {
    async_task: bool,
    created_time: String,
    destination_config: DestinationsOutput<'a>,
    function_arn: String,
    last_modified_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_async_event_age_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_async_retry_attempts: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DestinationsOutput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_success: Option<DestinationOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<DestinationOutput<'a>>,
}

#[derive(Serialize)]
struct DestinationOutput<'a> {
    destination: &'a str,
}

/// `PutAsyncInvokeConfigInput`.
pub(super) fn input(body: &[u8]) -> Result<AsyncConfigPatch, FcError> {
    let mut fields = Fields::parse(body)?;
    let arn =
        |side: Option<DestinationInput>| side.and_then(|side| side.destination).filter(|arn| !arn.is_empty());
    let destinations = fields.take::<DestinationsInput>("destinationConfig")?;
    Ok(AsyncConfigPatch {
        async_task: fields.take("asyncTask")?,
        destinations: destinations.map(|given| Destinations {
            on_success: arn(given.on_success),
            on_failure: arn(given.on_failure),
        }),
        age_max_secs: fields.take("maxAsyncEventAgeInSeconds")?,
        retry_count_max: fields.take("maxAsyncRetryAttempts")?,
    })
}

impl<'a> AsyncConfigOutput<'a> {
    pub(super) fn of(config: &'a AsyncConfig, identity: &Identity) -> Self {
        let side =
            |arn: &'a Option<String>| arn.as_deref().map(|destination| DestinationOutput { destination });
        let destinations = config.destinations.as_ref();
        Self {
            async_task: config.async_task.unwrap_or(false),
            created_time: config.created_at.rfc3339_secs(),
            destination_config: DestinationsOutput {
                on_success: destinations.and_then(|both| side(&both.on_success)),
                on_failure: destinations.and_then(|both| side(&both.on_failure)),
            },
            function_arn: function_arn(identity, &config.function, Some(&config.qualifier)),
            last_modified_time: config.modified_at.rfc3339_secs(),
            max_async_event_age_in_seconds: config.age_max.map(|age| age.as_secs()),
            max_async_retry_attempts: config.retry_count_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_body_is_understood() {
        let body = br#"{"asyncTask":true,"destinationConfig":{"onFailure":{"destination":"acs:mns:x"},"onSuccess":{"destination":"acs:fc:y"}},"maxAsyncEventAgeInSeconds":300,"maxAsyncRetryAttempts":0}"#;
        let patch = input(body).unwrap();
        let expected =
            Destinations { on_success: Some("acs:fc:y".into()), on_failure: Some("acs:mns:x".into()) };
        assert_eq!((patch.async_task, patch.destinations), (Some(true), Some(expected)));
        assert_eq!((patch.age_max_secs, patch.retry_count_max), (Some(300), Some(0)));
        let cleared = input(br#"{"destinationConfig":{}}"#).unwrap();
        assert_eq!(cleared.destinations, Some(Destinations::default()));
        assert!(input(b"{}").unwrap().destinations.is_none());
    }
}
