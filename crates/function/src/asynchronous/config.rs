//! The settings of asynchronous invocations.

use std::time::Duration;

use kulkul_delivery::{ErrorsTolerance, Policy, RetryStrategy};
use kulkul_model::{EventBusArn, FunctionArn, FunctionName, Qualifier, Timestamp};

use crate::FunctionError;
use crate::error::invalid;
use crate::settings::in_range;

/// What holds for the asynchronous invocations of a function under a qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsyncConfig {
    /// The function.
    pub function: FunctionName,
    /// The qualifier.
    pub qualifier: Qualifier,
    /// The id of the function: the settings of a deleted function do not apply to a later one of its name.
    pub function_id: String,
    /// Whether each invocation can be listed and stopped (wire: `asyncTask`).
    pub async_task: Option<bool>,
    /// Who is told of the end.
    pub destinations: Option<Destinations>,
    /// How old an invocation may get.
    pub age_max: Option<Duration>,
    /// How many retries follow a failed attempt.
    pub retry_count_max: Option<u32>,
    /// When there were settings first.
    pub created_at: Timestamp,
    /// When they were changed last.
    pub modified_at: Timestamp,
}

/// Who is told of the end of an invocation: ARNs of functions and event buses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// After success.
    pub on_success: Option<String>,
    /// After the last failure.
    pub on_failure: Option<String>,
}

/// What a client gives (wire: `PutAsyncInvokeConfigInput`); what is absent stays as it was.
#[derive(Clone, Debug, Default)]
pub struct AsyncConfigPatch {
    /// `asyncTask`.
    pub async_task: Option<bool>,
    /// `destinationConfig`, replaced whole.
    pub destinations: Option<Destinations>,
    /// `maxAsyncEventAgeInSeconds`.
    pub age_max_secs: Option<i64>,
    /// `maxAsyncRetryAttempts`.
    pub retry_count_max: Option<i64>,
}

/// A parsed destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Function(FunctionArn),
    Bus(EventBusArn),
}

/// Source: Function Compute 2023-03-30, `PutAsyncInvokeConfigInput`: 3 retries and a day. Of the documented upper
/// bounds of the age the highest is accepted.
const RETRY_COUNT_DEFAULT: u32 = 3;
const RETRY_COUNT_MAX: u32 = 8;
const AGE_DEFAULT: Duration = Duration::from_secs(86_400);
const AGE_SECS_MAX: u32 = 2_592_000;

impl AsyncConfig {
    /// Checks a patch and applies it to what was there.
    pub(super) fn patched(
        before: Option<&Self>,
        function: &FunctionName,
        qualifier: &Qualifier,
        function_id: &str,
        patch: AsyncConfigPatch,
        now: Timestamp,
    ) -> Result<Self, FunctionError> {
        let mut next = before.cloned().unwrap_or_else(|| Self {
            function: function.clone(),
            qualifier: qualifier.clone(),
            function_id: function_id.to_owned(),
            async_task: None,
            destinations: None,
            age_max: None,
            retry_count_max: None,
            created_at: now,
            modified_at: now,
        });
        next.modified_at = now;
        next.async_task = patch.async_task.or(next.async_task);
        if let Some(destinations) = patch.destinations {
            let given = [&destinations.on_success, &destinations.on_failure];
            given.into_iter().flatten().try_for_each(|arn| parse_destination(arn).map(drop))?;
            next.destinations = Some(destinations);
        }
        if let Some(secs) = patch.age_max_secs {
            let secs = in_range("maxAsyncEventAgeInSeconds", secs, 1, AGE_SECS_MAX)?;
            next.age_max = Some(Duration::from_secs(secs.into()));
        }
        if let Some(count) = patch.retry_count_max {
            next.retry_count_max = Some(in_range("maxAsyncRetryAttempts", count, 0, RETRY_COUNT_MAX)?);
        }
        Ok(next)
    }

    /// How the invocations are tried; without settings as documented.
    pub(super) fn policy(config: Option<&Self>) -> Policy {
        let retry_count_max = config.and_then(|config| config.retry_count_max).unwrap_or(RETRY_COUNT_DEFAULT);
        Policy {
            retry: RetryStrategy::Invocation { retry_count_max },
            tolerance: ErrorsTolerance::All,
            age_max: Some(config.and_then(|config| config.age_max).unwrap_or(AGE_DEFAULT)),
        }
    }
}

impl Destinations {
    pub(super) fn is_empty(&self) -> bool {
        self.on_success.is_none() && self.on_failure.is_none()
    }
}

pub(super) fn parse_destination(arn: &str) -> Result<Destination, FunctionError> {
    let function = || arn.parse().map(Destination::Function).ok();
    let bus = || arn.parse().map(Destination::Bus).ok();
    match function().or_else(bus) {
        Some(destination) => Ok(destination),
        None => {
            let shown: String = arn.chars().take(256).collect();
            invalid(format!(
                "destination '{shown}' is not supported; supported: acs:fc:{{region}}:{{account}}:functions/{{name}} \
                 and acs:eventbridge:{{region}}:{{account}}:eventbus/{{bus}}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(before: Option<&AsyncConfig>, patch: AsyncConfigPatch) -> Result<AsyncConfig, FunctionError> {
        let function = "resize".parse().unwrap();
        let now = Timestamp::from_millis(before.map_or(1, |_| 2));
        AsyncConfig::patched(before, &function, &Qualifier::latest(), "id", patch, now)
    }

    #[test]
    fn a_patch_merges_with_what_was_there() {
        let destinations = Destinations {
            on_success: Some("acs:fc:cn-hangzhou:1:functions/after".into()),
            on_failure: Some("acs:eventbridge:cn-hangzhou:1:eventbus/failures".into()),
        };
        let first = patched(
            None,
            AsyncConfigPatch {
                destinations: Some(destinations.clone()),
                retry_count_max: Some(0),
                ..AsyncConfigPatch::default()
            },
        )
        .unwrap();
        let patch = AsyncConfigPatch { age_max_secs: Some(300), ..AsyncConfigPatch::default() };
        let second = patched(Some(&first), patch).unwrap();
        assert_eq!(second.destinations, Some(destinations));
        assert_eq!((second.retry_count_max, second.age_max), (Some(0), Some(Duration::from_secs(300))));
        assert_eq!((second.created_at.as_millis(), second.modified_at.as_millis()), (1, 2));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let table = [
            (
                AsyncConfigPatch { age_max_secs: Some(0), ..Default::default() },
                "maxAsyncEventAgeInSeconds must",
            ),
            (AsyncConfigPatch { age_max_secs: Some(2_592_001), ..Default::default() }, "from 1 to 2592000"),
            (
                AsyncConfigPatch { retry_count_max: Some(9), ..Default::default() },
                "maxAsyncRetryAttempts must",
            ),
            (
                AsyncConfigPatch {
                    destinations: Some(Destinations {
                        on_success: None,
                        on_failure: Some("acs:mns:cn-hangzhou:1:/queues/dlq/messages".into()),
                    }),
                    ..Default::default()
                },
                "destination 'acs:mns:cn-hangzhou:1:/queues/dlq/messages' is not supported",
            ),
        ];
        for (patch, reason) in table {
            let error = patched(None, patch).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn without_settings_the_documented_policy_holds() {
        let policy = AsyncConfig::policy(None);
        assert_eq!(policy.retry, RetryStrategy::Invocation { retry_count_max: 3 });
        assert_eq!(policy.age_max, Some(Duration::from_secs(86_400)));
    }
}
