//! `eventbridge` triggers: a pattern on the bus `default`.

use std::num::NonZeroU32;
use std::time::Duration;

use kulkul_bus::RuleStatus;
use kulkul_delivery::{ErrorsTolerance, ParamForm, RetryStrategy};
use serde_json::{Map, Value};

use super::{Compiled, Context, TargetForm, body, function_target};
use crate::TriggerError;
use crate::error::invalid;

/// Source: Function Compute 2023-03-30, `eventbridge` triggers, and EventBridge 2020-04-01, `EventTargets`.
///
/// `asyncInvocationType: true` means asynchronous. The SDK's text and one page of the documentation say the opposite;
/// the name, and the older pages that agree with each other, decide.
pub(super) fn compile(config: &Map<String, Value>, context: Context<'_>) -> Result<Compiled, TriggerError> {
    let config = Object { path: "triggerConfig", members: config };
    check_source(&config)?;
    let Some(pattern) = config.text("eventRuleFilterPattern")?.filter(|pattern| !pattern.trim().is_empty())
    else {
        return invalid("triggerConfig.eventRuleFilterPattern must be set");
    };
    let invocation_type = if config.flag("asyncInvocationType")?.unwrap_or(false) { "Async" } else { "Sync" };
    let sink = config.object("eventSinkConfig")?;
    let option = sink.as_ref().map(|sink| sink.object("deliveryOption")).transpose()?.flatten();
    let schema = option.as_ref().map(|option| option.text("eventSchema")).transpose()?.flatten();
    let body = match schema.unwrap_or_default() {
        "" | "CloudEvents" => body(ParamForm::Original, None),
        "RawData" => body(ParamForm::JsonPath, Some("$.data")),
        other => {
            return invalid(format!(
                "deliveryOption.eventSchema must be CloudEvents or RawData, not '{other}'"
            ));
        }
    };
    let mut target = function_target(context, TargetForm { body, invocation_type });
    if let Some(option) = &option
        && let Some(concurrency) = option.number("concurrency", 1, 300)?
    {
        target.concurrency = u32::try_from(concurrency).ok().and_then(NonZeroU32::new);
    }
    if let Some(run_options) = config.object("runOptions")? {
        check_mode(&run_options)?;
        if let Some(tolerance) = run_options.text("errorsTolerance")? {
            target.tolerance = match tolerance {
                "NONE" => ErrorsTolerance::None,
                "ALL" => ErrorsTolerance::All,
                other => {
                    return invalid(format!("runOptions.errorsTolerance must be NONE or ALL, not '{other}'"));
                }
            };
        }
        if let Some(strategy) = run_options.object("retryStrategy")? {
            target.retry = match strategy.text("PushRetryStrategy")?.unwrap_or_default() {
                "EXPONENTIAL_DECAY_RETRY" => RetryStrategy::ExponentialDecay,
                // Source: EventBridge's own samples misspell it, and it takes what it does not know for this one.
                _ => RetryStrategy::Backoff,
            };
            // Zero is what tools send for "not given".
            let age_secs =
                strategy.number("MaximumEventAgeInSeconds", 0, 2_592_000)?.filter(|secs| *secs > 0);
            target.age_max = age_secs.map(Duration::from_secs);
            strategy.number("MaximumRetryAttempts", 0, 10_000)?;
        }
        if let Some(queue) = run_options.object("deadLetterQueue")? {
            target.dead_letter_arn = queue.text("Arn")?.filter(|arn| !arn.is_empty()).map(str::to_owned);
        }
    }
    let enabled = config.flag("triggerEnable")?.unwrap_or(true);
    let status = if enabled { RuleStatus::Enabled } else { RuleStatus::Disabled };
    Ok(Compiled { pattern: pattern.to_owned(), status, target })
}

fn check_source(config: &Object<'_>) -> Result<(), TriggerError> {
    let Some(source) = config.object("eventSourceConfig")? else {
        return invalid("triggerConfig.eventSourceConfig must be set");
    };
    match source.text("eventSourceType")? {
        Some("Default") => Ok(()),
        Some(other) => {
            let shown: String = other.chars().take(64).collect();
            invalid(format!("eventSourceType '{shown}' is not supported; supported: Default"))
        }
        None => invalid("triggerConfig.eventSourceConfig.eventSourceType must be set"),
    }
}

fn check_mode(run_options: &Object<'_>) -> Result<(), TriggerError> {
    match run_options.text("mode")?.unwrap_or_default() {
        "" | "event-driven" => Ok(()),
        "event-streaming" => {
            invalid("runOptions.mode event-streaming does not go with eventSourceType Default")
        }
        other => {
            let shown: String = other.chars().take(64).collect();
            invalid(format!("runOptions.mode must be event-driven or event-streaming, not '{shown}'"))
        }
    }
}

/// A JSON object whose members are read with their types checked. A `null` counts as absent.
struct Object<'a> {
    path: &'a str,
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn object(&self, name: &'a str) -> Result<Option<Object<'a>>, TriggerError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Object { path: name, members })),
            Some(_) => self.wrong(name, "an object"),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, TriggerError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => self.wrong(name, "a string"),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, TriggerError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => self.wrong(name, "true or false"),
        }
    }

    fn number(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, TriggerError> {
        match self.member(name) {
            None => Ok(None),
            Some(value) => match value.as_u64().filter(|number| (min..=max).contains(number)) {
                Some(number) => Ok(Some(number)),
                None => self.wrong(name, &format!("a whole number from {min} to {max}")),
            },
        }
    }

    fn wrong<T>(&self, name: &str, expected: &str) -> Result<T, TriggerError> {
        invalid(format!("{}.{name} must be {expected}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_delivery::{Call, InvocationMode};
    use kulkul_model::{Identity, Qualifier};
    use kulkul_store::QueueId;
    use serde_json::json;

    fn compiled(config: Value) -> Result<Compiled, TriggerError> {
        let identity =
            Identity { account: "1234567890123456".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let (function, qualifier) = ("resize".parse().unwrap(), Qualifier::latest());
        let context = Context {
            identity: &identity,
            function: &function,
            qualifier: &qualifier,
            source_arn: None,
            extended_patterns: true,
        };
        compile(config.as_object().unwrap(), context)
    }

    fn with(more: Value) -> Value {
        let mut config = json!({"eventSourceConfig": {"eventSourceType": "Default"},
            "eventRuleFilterPattern": "{\"source\":[\"acs.oss\"]}"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    }

    fn call(compiled: &Compiled) -> (InvocationMode, bool) {
        match compiled.target.compile(QueueId("q".into())).unwrap().call {
            Call::Function { mode, body, .. } => (mode, body.is_original()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_enabled_synchronous_and_the_whole_event() {
        let rule = compiled(with(json!({}))).unwrap();
        assert_eq!((rule.status, rule.pattern.as_str()), (RuleStatus::Enabled, r#"{"source":["acs.oss"]}"#));
        assert_eq!(call(&rule), (InvocationMode::Sync, true));
        assert_eq!((rule.target.retry, rule.target.age_max), (RetryStrategy::Backoff, None));
    }

    #[test]
    fn every_option_acts() {
        let rule = compiled(with(json!({
            "triggerEnable": false,
            "asyncInvocationType": true,
            "eventSinkConfig": {"deliveryOption": {"mode": "event-driven", "eventSchema": "RawData", "concurrency": 5}},
            "runOptions": {"mode": "event-driven", "errorsTolerance": "NONE", "maximumTasks": 1,
                "retryStrategy": {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY", "MaximumEventAgeInSeconds": 60,
                    "MaximumRetryAttempts": 0},
                "deadLetterQueue": {"Arn": "acs:mns:cn-hangzhou:1:/queues/dlq"},
                "batchWindow": {"CountBasedWindow": 10, "TimeBasedWindow": 5}},
        })))
        .unwrap();
        assert_eq!(rule.status, RuleStatus::Disabled);
        assert_eq!(call(&rule), (InvocationMode::Async, false));
        let target = &rule.target;
        assert_eq!(
            (target.retry, target.tolerance),
            (RetryStrategy::ExponentialDecay, ErrorsTolerance::None)
        );
        assert_eq!((target.age_max, target.concurrency), (Some(Duration::from_secs(60)), NonZeroU32::new(5)));
        assert_eq!(target.dead_letter_arn.as_deref(), Some("acs:mns:cn-hangzhou:1:/queues/dlq"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let source = |kind: &str| json!({"eventSourceConfig": {"eventSourceType": kind}});
        let table = [
            (json!({"eventRuleFilterPattern": "{}"}), "triggerConfig.eventSourceConfig must be set"),
            (source("Default"), "triggerConfig.eventRuleFilterPattern must be set"),
            (with(source("Kafka")), "eventSourceType 'Kafka' is not supported; supported: Default"),
            (with(json!({"eventSourceConfig": {}})), "eventSourceConfig.eventSourceType must be set"),
            (with(json!({"triggerEnable": "yes"})), "triggerConfig.triggerEnable must be true or false"),
            (
                with(json!({"eventRuleFilterPattern": {}})),
                "triggerConfig.eventRuleFilterPattern must be a string",
            ),
            (
                with(json!({"eventSinkConfig": {"deliveryOption": {"eventSchema": "XML"}}})),
                "eventSchema must be CloudEvents or RawData, not 'XML'",
            ),
            (
                with(json!({"eventSinkConfig": {"deliveryOption": {"concurrency": 0}}})),
                "deliveryOption.concurrency must be a whole number from 1 to 300",
            ),
            (
                with(json!({"runOptions": {"mode": "event-streaming"}})),
                "does not go with eventSourceType Default",
            ),
            (with(json!({"runOptions": {"errorsTolerance": "SOME"}})), "must be NONE or ALL, not 'SOME'"),
        ];
        for (config, reason) in table {
            let error = compiled(config).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
