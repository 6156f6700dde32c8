//! Targets on the wire.

use std::num::NonZeroU32;

use kulkul_bus::BusError;
use kulkul_connection::MASK;
use kulkul_delivery::{ErrorsTolerance, ParamForm, RetryStrategy, TargetConfig, TargetParam};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::RpcError;
use crate::fields::misshapen;
use crate::gate::Secrets;

/// A target as a client gives it. Source: EventBridge 2020-04-01, `CreateRule.EventTargets`, `PutTargets.Targets`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TargetInput {
    id: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    endpoint: Option<String>,
    param_list: Option<Vec<ParamInput>>,
    push_retry_strategy: Option<String>,
    dead_letter_queue: Option<DeadLetterQueue>,
    errors_tolerance: Option<String>,
    concurrent_config: Option<ConcurrentConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ParamInput {
    resource_key: Option<String>,
    form: Option<String>,
    #[serde(deserialize_with = "text_or_json")]
    value: Option<String>,
    template: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct DeadLetterQueue {
    arn: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct ConcurrentConfig {
    #[serde(deserialize_with = "number_or_text")]
    concurrency: Option<i64>,
}

/// A target as `GetRule` and `ListTargets` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TargetOutput<'a> {
    id: &'a str,
    #[serde(rename = "Type")]
    kind: &'a str,
    endpoint: &'a str,
    errors_tolerance: &'static str,
    push_retry_strategy: &'static str,
    push_selector: &'static str,
    param_list: Vec<ParamOutput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent_config: Option<ConcurrentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_queue: Option<DeadLetterQueue>,
    detail_map: Empty,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ParamOutput<'a> {
    resource_key: &'a str,
    form: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
}

/// `{}`: the free map `DetailMap`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Empty {}

impl TargetInput {
    /// The target that is meant. Whether it can work is for the hub to say, which also knows those of old: whether
    /// somebody would read all that is said of it is asked here.
    pub(crate) fn config(self) -> Result<TargetConfig, RpcError> {
        let missing = |what: &str| {
            RpcError::business(
                "EventTargetMissingAttribute",
                format!("the attribute `{what}` of a target is missing"),
            )
        };
        let given = |value: Option<String>, what: &str| {
            value.filter(|text| !text.is_empty()).ok_or_else(|| missing(what))
        };
        let id = given(self.id, "Id")?;
        let id = id.parse().map_err(|error: kulkul_model::InvalidName| ineffective(error.to_string()))?;
        let target = TargetConfig {
            kind: given(self.kind, "Type")?,
            endpoint: given(self.endpoint, "Endpoint")?,
            params: self
                .param_list
                .unwrap_or_default()
                .into_iter()
                .map(ParamInput::param)
                .collect::<Result<_, _>>()?,
            retry: retry(self.push_retry_strategy.as_deref()),
            tolerance: tolerance(self.errors_tolerance.as_deref())?,
            concurrency: concurrency(self.concurrent_config.and_then(|config| config.concurrency))?,
            age_max: None,
            dead_letter_arn: self.dead_letter_queue.and_then(|queue| queue.arn).filter(|arn| !arn.is_empty()),
            id,
        };
        target.check_keys().map_err(BusError::from)?;
        if target.params.iter().any(|param| is_secret(param) && param.value.as_deref() == Some(MASK)) {
            return Err(ineffective(format!(
                "`{MASK}` stands for a token that was not shown: give the token"
            )));
        }
        Ok(target)
    }
}

impl ParamInput {
    fn param(self) -> Result<TargetParam, RpcError> {
        let key = self.resource_key.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| invalid_config("a parameter has no ResourceKey".to_owned()))?;
        let form = match self.form.as_deref() {
            Some("ORIGINAL") => ParamForm::Original,
            Some("CONSTANT") => ParamForm::Constant,
            Some("JSONPATH") => ParamForm::JsonPath,
            Some("TEMPLATE") => ParamForm::Template,
            Some(other) => {
                return Err(invalid_config(format!(
                    "parameter {key} has the form {other}, which is not supported"
                )));
            }
            None => return Err(invalid_config(format!("parameter {key} has no Form"))),
        };
        Ok(TargetParam { key, form, value: self.value, template: self.template })
    }
}

impl<'a> TargetOutput<'a> {
    pub(crate) fn of(target: &'a TargetConfig, secrets: Secrets) -> Self {
        let concurrency = target.concurrency.map(|count| i64::from(count.get()));
        Self {
            id: target.id.as_str(),
            kind: &target.kind,
            endpoint: &target.endpoint,
            errors_tolerance: match target.tolerance {
                ErrorsTolerance::All => "ALL",
                ErrorsTolerance::None => "NONE",
            },
            push_retry_strategy: match target.retry {
                // A target has one of two strategies; the others are those of invocations and dead-letter queues.
                RetryStrategy::Backoff | RetryStrategy::Invocation { .. } | RetryStrategy::UntilTaken => {
                    "BACKOFF_RETRY"
                }
                RetryStrategy::ExponentialDecay => "EXPONENTIAL_DECAY_RETRY",
            },
            push_selector: if target.params.is_empty() { "MATCHED_EVENT" } else { "PARAM_TRANSFORMER" },
            param_list: target.params.iter().map(|param| ParamOutput::of(param, secrets)).collect(),
            concurrent_config: concurrency.map(|count| ConcurrentConfig { concurrency: Some(count) }),
            dead_letter_queue: target.dead_letter_arn.clone().map(|arn| DeadLetterQueue { arn: Some(arn) }),
            detail_map: Empty {},
        }
    }
}

impl<'a> ParamOutput<'a> {
    fn of(param: &'a TargetParam, secrets: Secrets) -> Self {
        let value = param.value.as_deref();
        Self {
            resource_key: &param.key,
            form: match param.form {
                ParamForm::Original => "ORIGINAL",
                ParamForm::Constant => "CONSTANT",
                ParamForm::JsonPath => "JSONPATH",
                ParamForm::Template => "TEMPLATE",
                ParamForm::ObjectNotification => "OSS_NOTIFICATION",
            },
            value: if is_secret(param) { value.map(|secret| secrets.show(secret)) } else { value },
            template: param.template.as_deref(),
        }
    }
}

/// Whether a parameter is what a target knows its sender by.
fn is_secret(param: &TargetParam) -> bool {
    param.key.eq_ignore_ascii_case("Token")
}

/// The targets in a parameter that holds a list of them.
pub(crate) fn configs(inputs: Vec<TargetInput>) -> Result<Vec<TargetConfig>, RpcError> {
    inputs.into_iter().map(TargetInput::config).collect()
}

/// Targets as JSON, as this API writes them; the error is what is wrong with them.
pub(crate) fn configs_of_json(json: &str) -> Result<Vec<TargetConfig>, String> {
    let inputs = serde_json::from_str(json).map_err(|error| misshapen(&error))?;
    configs(inputs).map_err(|error| error.message)
}

/// What is neither of the two strategies is the default: official samples spell it `BACKOFFRETRY`.
///
/// Source: Apache RocketMQ EventBridge, from which the service descends.
fn retry(text: Option<&str>) -> RetryStrategy {
    match text {
        Some("EXPONENTIAL_DECAY_RETRY") => RetryStrategy::ExponentialDecay,
        _ => RetryStrategy::Backoff,
    }
}

fn tolerance(text: Option<&str>) -> Result<ErrorsTolerance, RpcError> {
    match text {
        None | Some("" | "ALL") => Ok(ErrorsTolerance::All),
        Some("NONE") => Ok(ErrorsTolerance::None),
        Some(other) => Err(ineffective(format!("there is no ErrorsTolerance `{other}`"))),
    }
}

fn concurrency(count: Option<i64>) -> Result<Option<NonZeroU32>, RpcError> {
    match count {
        None => Ok(None),
        Some(count) => match u32::try_from(count).ok().and_then(NonZeroU32::new) {
            Some(count) => Ok(Some(count)),
            None => Err(ineffective(format!("Concurrency must be from 1 to {}, not {count}", u32::MAX))),
        },
    }
}

fn ineffective(message: String) -> RpcError {
    RpcError::business("EventTargetIneffectiveAttribute", message)
}

fn invalid_config(reason: String) -> RpcError {
    RpcError::business("InvalidConfig", format!("The config is invalid. which is [{reason}]."))
}

/// Some official samples give the variables of a template as an object instead of its JSON text.
fn text_or_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(value) = Option::<Box<RawValue>>::deserialize(deserializer)? else { return Ok(None) };
    match value.get().starts_with('"') {
        true => serde_json::from_str(value.get()).map(Some).map_err(D::Error::custom),
        false => Ok(Some(value.get().to_owned())),
    }
}

/// Flattened parameters have nothing but text.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Option::<serde_json::Value>::deserialize(deserializer)? {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(text)) => text.parse().map(Some).map_err(D::Error::custom),
        Some(number) => number.as_i64().map(Some).ok_or_else(|| D::Error::custom("not a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: recorded from the official client.
    const RECORDED: &str = r#"[{"ConcurrentConfig":{"Concurrency":5},
        "DeadLetterQueue":{"Arn":"acs:mns:cn-hangzhou:1:/queues/dlq"},
        "Endpoint":"acs:fc:cn-hangzhou:1:services/s.LATEST/functions/f",
        "ErrorsTolerance":"ALL","Id":"t1",
        "ParamList":[{"Form":"ORIGINAL","ResourceKey":"Body"},
                     {"Form":"CONSTANT","ResourceKey":"functionName","Value":"f"}],
        "PushRetryStrategy":"BACKOFF_RETRY","Type":"acs.fc.function"}]"#;

    fn parse(json: &str) -> Result<Vec<TargetConfig>, String> {
        configs(serde_json::from_str(json).unwrap())
            .map_err(|error| format!("{}: {}", error.code, error.message))
    }

    #[test]
    fn a_recorded_target_is_understood_and_given_back() {
        let targets = parse(RECORDED).unwrap();
        let target = &targets[0];
        assert_eq!((target.id.as_str(), target.concurrency), ("t1", NonZeroU32::new(5)));
        assert_eq!(target.params[1].value.as_deref(), Some("f"));
        let shown = serde_json::to_string(&TargetOutput::of(target, Secrets::Masked)).unwrap();
        let expected = concat!(
            r#"{"Id":"t1","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1:services/s.LATEST/functions/f","#,
            r#""ErrorsTolerance":"ALL","PushRetryStrategy":"BACKOFF_RETRY","PushSelector":"PARAM_TRANSFORMER","#,
            r#""ParamList":[{"ResourceKey":"Body","Form":"ORIGINAL"},"#,
            r#"{"ResourceKey":"functionName","Form":"CONSTANT","Value":"f"}],"#,
            r#""ConcurrentConfig":{"Concurrency":5},"DeadLetterQueue":{"Arn":"acs:mns:cn-hangzhou:1:/queues/dlq"},"#,
            r#""DetailMap":{}}"#,
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_token_is_shown_to_those_who_may_change_it() {
        let json = r#"[{"Id":"a","Type":"http","Endpoint":"http://h.test/",
            "ParamList":[{"ResourceKey":"token","Form":"CONSTANT","Value":"hunter2"}]}]"#;
        let targets = parse(json).unwrap();
        let shown = |secrets| serde_json::to_string(&TargetOutput::of(&targets[0], secrets)).unwrap();
        assert!(shown(Secrets::Shown).contains(r#""Value":"hunter2""#));
        assert!(shown(Secrets::Masked).contains(r#""Value":"******""#));
        assert!(!shown(Secrets::Masked).contains("hunter2"));
        let masked = parse(&json.replace("hunter2", MASK)).unwrap_err();
        assert!(masked.starts_with("EventTargetIneffectiveAttribute: `******` stands for"), "{masked}");
    }

    #[test]
    fn what_official_samples_spell_otherwise_is_understood() {
        let retry = |strategy: &str| {
            let json = format!(r#"[{{"Id":"a","Type":"t","Endpoint":"e","PushRetryStrategy":{strategy}}}]"#);
            parse(&json).unwrap()[0].retry
        };
        for backoff in [r#""BACKOFF_RETRY""#, r#""BACKOFFRETRY""#, r#""""#, "null"] {
            assert_eq!(retry(backoff), RetryStrategy::Backoff, "{backoff}");
        }
        assert_eq!(retry(r#""EXPONENTIAL_DECAY_RETRY""#), RetryStrategy::ExponentialDecay);

        let value = |json: &str| {
            let param =
                format!(r#"{{"ResourceKey":"Body","Form":"TEMPLATE","Value":{json},"Template":"x"}}"#);
            let list = format!(r#"[{{"Id":"a","Type":"t","Endpoint":"e","ParamList":[{param}]}}]"#);
            let again: serde_json::Value = serde_json::from_str(&list).unwrap();
            let flattened = configs(serde_json::from_value(again).unwrap()).unwrap();
            let value = parse(&list).unwrap()[0].params[0].value.clone();
            assert_eq!(flattened[0].params[0].value, value, "as text and rebuilt from flattened parameters");
            value
        };
        assert_eq!(value(r#"{"b":"$.id","a":1.5}"#).as_deref(), Some(r#"{"b":"$.id","a":1.5}"#));
        assert_eq!(value(r#""{\"b\":\"$.id\"}""#).as_deref(), Some(r#"{"b":"$.id"}"#));
        assert_eq!(value("null"), None);
    }

    #[test]
    fn what_is_wrong_with_a_target_is_said() {
        let table = [
            (r#"[{}]"#, "EventTargetMissingAttribute: the attribute `Id` of a target is missing"),
            (r#"[{"Id":"a","Type":""}]"#, "EventTargetMissingAttribute: the attribute `Type`"),
            (
                r#"[{"Id":"a/b","Type":"t","Endpoint":"e"}]"#,
                "EventTargetIneffectiveAttribute: not a valid target id",
            ),
            (
                r#"[{"Id":"a","Type":"t","Endpoint":"e","ConcurrentConfig":{"Concurrency":"0"}}]"#,
                "EventTargetIneffectiveAttribute: Concurrency must be from 1 to 4294967295, not 0",
            ),
            (
                r#"[{"Id":"a","Type":"t","Endpoint":"e","ConcurrentConfig":{"Concurrency":4294967296}}]"#,
                "EventTargetIneffectiveAttribute: Concurrency must be from 1 to 4294967295, not 4294967296",
            ),
            (
                r#"[{"Id":"a","Type":"t","Endpoint":"e","ParamList":[{"ResourceKey":"Body","Form":"MAGIC"}]}]"#,
                "InvalidConfig: The config is invalid. which is [parameter Body has the form MAGIC",
            ),
            (
                r#"[{"Id":"a","Type":"http","Endpoint":"e","ParamList":[{"ResourceKey":"Bodi","Form":"ORIGINAL"}]}]"#,
                "EventTargetIneffectiveAttribute: target `a` has the parameter `Bodi`; those of `http` are url, Body,",
            ),
        ];
        for (json, expected) in table {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
