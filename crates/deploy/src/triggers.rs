//! Triggers of functions, through the Function Compute API.
//!
//! A trigger there is a pattern on the bus `default`. A trigger on another bus is a rule of that bus which calls the
//! function, and a trigger that is linked to it; the rule's name, `{function}-{trigger}`, says that it belongs here.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use hyper::Method;
use kulkul_client::{ApiError, Client, encode, text};
use serde_json::{Map, Value, json};

use crate::functions::{self, absent_is_none};
use crate::rules::{self, RuleSettings};

/// The bus that triggers are on unless they say otherwise.
pub const DEFAULT_BUS: &str = "default";

/// The only target of a rule that carries a trigger.
const TARGET_ID: &str = "function";

/// How a trigger calls its function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Invocation {
    /// It waits for the result; a failure is retried as the trigger says.
    #[default]
    Sync,
    /// It hands the event over; a failure is retried as the function says.
    Async,
}

/// When a failed delivery is tried again. Source: EventBridge 2020-04-01, `PushRetryStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// Three times, each after a random 10 to 20 s.
    #[default]
    Backoff,
    /// For about a day, after longer and longer waits.
    ExponentialDecay,
}

impl Retry {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backoff => "BACKOFF_RETRY",
            Self::ExponentialDecay => "EXPONENTIAL_DECAY_RETRY",
        }
    }
}

/// The settings of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerSettings {
    /// The bus it is on.
    pub bus: String,
    /// The pattern, as JSON text.
    pub pattern: String,
    /// Whether it acts.
    pub enabled: bool,
    /// How it calls the function.
    pub invocation: Invocation,
    /// When it tries again.
    pub retry: Retry,
    /// Calls at once at most; the server's default when absent.
    pub concurrency: Option<u32>,
    /// How old an event may become before it is given up; whole seconds. On the bus `default` only.
    pub age_max: Option<Duration>,
    /// The queue or bus that takes what is given up, as ARN.
    pub dead_letter_arn: Option<String>,
    /// What its owner says of it.
    pub description: String,
}

impl TriggerSettings {
    /// Enabled, synchronous, and retried three times.
    pub fn new(pattern: String) -> Self {
        Self {
            bus: DEFAULT_BUS.to_owned(),
            pattern,
            enabled: true,
            invocation: Invocation::default(),
            retry: Retry::default(),
            concurrency: None,
            age_max: None,
            dead_letter_arn: None,
            description: String::new(),
        }
    }

    /// Whether it is on the bus that triggers of the API are on.
    pub fn is_on_default_bus(&self) -> bool {
        self.bus == DEFAULT_BUS
    }

    /// The configuration (wire: `triggerConfig`), without what has no value.
    pub fn config(&self) -> Value {
        let mut config = json!({
            "triggerEnable": self.enabled,
            "asyncInvocationType": self.invocation == Invocation::Async,
            "eventRuleFilterPattern": self.pattern,
            "eventSourceConfig": {"eventSourceType": "Default"},
            "runOptions": {"retryStrategy": {"PushRetryStrategy": self.retry.as_str()}},
        });
        if let Some(age) = self.age_max {
            config["runOptions"]["retryStrategy"]["MaximumEventAgeInSeconds"] = age.as_secs().into();
        }
        if let Some(arn) = &self.dead_letter_arn {
            config["runOptions"]["deadLetterQueue"] = json!({ "Arn": arn });
        }
        if let Some(concurrency) = self.concurrency {
            config["eventSinkConfig"] = json!({"deliveryOption": {"concurrency": concurrency}});
        }
        config
    }

    /// The configuration of an update: what has no value is removed.
    fn config_of_update(&self) -> Value {
        let mut config = self.config();
        if self.concurrency.is_none() {
            config["eventSinkConfig"] = Value::Null;
        }
        if self.dead_letter_arn.is_none() {
            config["runOptions"]["deadLetterQueue"] = Value::Null;
        }
        config
    }

    /// The rule that carries it on a bus of its own choice.
    pub(crate) fn rule(&self, function_arn: &str, function: &str) -> anyhow::Result<RuleSettings> {
        if self.age_max.is_some() {
            bail!("a limit on the age of events exists for triggers on the bus `{DEFAULT_BUS}` only");
        }
        let constant =
            |key: &str, value: &str| json!({"ResourceKey": key, "Form": "CONSTANT", "Value": value});
        let mode = match self.invocation {
            Invocation::Sync => "Sync",
            Invocation::Async => "Async",
        };
        let mut target = json!({
            "Id": TARGET_ID,
            "Type": "acs.fc.function",
            "Endpoint": function_arn,
            "ParamList": [
                constant("functionName", function),
                constant("Qualifier", "LATEST"),
                constant("InvocationType", mode),
                {"ResourceKey": "Body", "Form": "ORIGINAL"},
            ],
            "PushRetryStrategy": self.retry.as_str(),
        });
        if let Some(concurrency) = self.concurrency {
            target["ConcurrentConfig"] = json!({ "Concurrency": concurrency });
        }
        if let Some(arn) = &self.dead_letter_arn {
            target["DeadLetterQueue"] = json!({ "Arn": arn });
        }
        Ok(RuleSettings {
            bus: self.bus.clone(),
            pattern: self.pattern.clone(),
            enabled: self.enabled,
            description: self.description.clone(),
            targets: vec![target],
        })
    }
}

/// The name of the rule that belongs to a trigger.
pub fn rule_name(function: &str, trigger: &str) -> String {
    format!("{function}-{trigger}")
}

/// The bus that a trigger, as the API shows it, is on.
pub fn bus_of(trigger: &Value) -> &str {
    let arn = trigger["sourceArn"].as_str().unwrap_or_default();
    let bus = arn.split_once(":eventbus/").and_then(|(_, rest)| rest.split_once("/rule/"));
    bus.map_or(DEFAULT_BUS, |(bus, _)| bus)
}

/// Creates a trigger, and returns it with the warnings of the server.
pub async fn create(
    client: &Client,
    function: &str,
    name: &str,
    settings: &TriggerSettings,
) -> anyhow::Result<(Value, Vec<String>)> {
    let mut body = json!({
        "triggerName": name,
        "triggerType": "eventbridge",
        "qualifier": "LATEST",
        "description": settings.description,
        "triggerConfig": settings.config().to_string(),
    });
    if settings.is_on_default_bus() {
        return send(client, Method::POST, &triggers_path(function), &body).await;
    }
    let function_arn = text(&functions::get(client, function).await?["functionArn"]);
    let rule = rule_name(function, name);
    let (rule_arn, origin) =
        rule_for(client, function, name, &function_arn, &settings.rule(&function_arn, function)?).await?;
    body["sourceArn"] = rule_arn.into();
    let created = send(client, Method::POST, &triggers_path(function), &body).await;
    // A rule without its trigger would call the function and belong to nobody. After a broken connection nobody knows
    // whether there is a trigger: the rule stays, and the next try takes it over.
    if let Err(error) = &created
        && origin == RuleOrigin::Made
        && ApiError::code_of(error).is_some()
    {
        let deleted = rules::delete(client, &settings.bus, &rule).await;
        deleted.with_context(|| format!("cannot delete the rule `{rule}` of the trigger that failed"))?;
    }
    created
}

/// Where the rule of a new trigger comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleOrigin {
    /// It was made for the trigger.
    Made,
    /// It was left by a creation that was interrupted.
    TakenOver,
}

/// Makes the rule of a new trigger, or takes over the one that an interrupted creation left, and returns its ARN.
async fn rule_for(
    client: &Client,
    function: &str,
    trigger: &str,
    function_arn: &str,
    settings: &RuleSettings,
) -> anyhow::Result<(String, RuleOrigin)> {
    let rule = rule_name(function, trigger);
    let error = match rules::create(client, &rule, settings).await {
        Err(error) if ApiError::code_of(&error) == Some("EventRuleAlreadyExist") => error,
        created => return Ok((created?, RuleOrigin::Made)),
    };
    let Some(found) = rules::find(client, &settings.bus, &rule).await? else { return Err(error) };
    let arn = text(&found["RuleARN"]);
    let is_taken = |known: &Value| known["sourceArn"] == *arn || known["triggerName"] == *trigger;
    if !only_calls(&found, function_arn) || list(client, function).await?.iter().any(is_taken) {
        return Err(error);
    }
    rules::update(client, &rule, settings).await?;
    Ok((arn, RuleOrigin::TakenOver))
}

/// Whether all that a rule does is what the rule of a trigger does: call the function.
fn only_calls(rule: &Value, function_arn: &str) -> bool {
    match rules::targets_of(rule) {
        [target] => target["Id"] == TARGET_ID && target["Endpoint"] == *function_arn,
        _ => false,
    }
}

/// Makes an existing trigger what the settings say, and returns it with the warnings of the server. It stays on its
/// bus.
pub async fn update(
    client: &Client,
    function: &str,
    name: &str,
    settings: &TriggerSettings,
) -> anyhow::Result<(Value, Vec<String>)> {
    if !settings.is_on_default_bus() {
        let function_arn = text(&functions::get(client, function).await?["functionArn"]);
        let rule = settings.rule(&function_arn, function)?;
        rules::update(client, &rule_name(function, name), &rule).await?;
    }
    let body = json!({
        "description": settings.description,
        "triggerConfig": settings.config_of_update().to_string(),
    });
    send(client, Method::PUT, &path(function, name), &body).await
}

/// A trigger.
pub async fn get(client: &Client, function: &str, name: &str) -> anyhow::Result<Value> {
    client.rest(Method::GET, &path(function, name), &[], Bytes::new()).await?.json()
}

/// A trigger, or `None` when the function has none of that name.
pub async fn find(client: &Client, function: &str, name: &str) -> anyhow::Result<Option<Value>> {
    absent_is_none(get(client, function, name).await, "TriggerNotFound")
}

/// The triggers of a function.
pub async fn list(client: &Client, function: &str) -> anyhow::Result<Vec<Value>> {
    functions::pages(client, &triggers_path(function), "triggers", "").await
}

/// Deletes a trigger, and the rule that was made for it.
///
/// The rule goes first: when only half of it is done, the trigger is still there to be deleted again.
pub async fn delete(client: &Client, function: &str, name: &str) -> anyhow::Result<()> {
    let trigger = get(client, function, name).await?;
    let (bus, rule) = (bus_of(&trigger), rule_name(function, name));
    if bus != DEFAULT_BUS && text(&trigger["sourceArn"]).ends_with(&format!("/rule/{rule}")) {
        match rules::delete(client, bus, &rule).await {
            // Somebody was faster, or a deletion was interrupted here.
            Err(error) if is_absent_rule(&error) => {}
            deleted => deleted?,
        }
    }
    client.rest(Method::DELETE, &path(function, name), &[], Bytes::new()).await?.success().map(drop)
}

/// Whether a refusal says that there is no such rule. A bus that has no rules may be gone itself.
fn is_absent_rule(error: &anyhow::Error) -> bool {
    matches!(ApiError::code_of(error), Some("EventRuleNotExisted" | "EventBusNotExist"))
}

/// Whether a configuration, as the API shows it, is the one that is wanted. Members without a value count as absent.
pub fn is_config(shown: &str, wanted: &Value) -> bool {
    let Ok(shown) = serde_json::from_str::<Value>(shown) else { return false };
    normal(shown) == normal(wanted.clone())
}

/// A configuration with its pattern as a value instead of a text, without what says nothing.
fn normal(config: Value) -> Value {
    let Value::Object(members) = config else { return config };
    let normal_member = |(name, value): (String, Value)| {
        let value = match (&*name, value) {
            ("eventRuleFilterPattern", Value::String(pattern)) => {
                serde_json::from_str(&pattern).unwrap_or(Value::String(pattern))
            }
            (_, Value::Object(inner)) => {
                let inner = normal(inner.into());
                let says_something = inner.as_object().is_some_and(|inner| !inner.is_empty());
                if says_something { inner } else { Value::Null }
            }
            (_, value) => value,
        };
        (name, value)
    };
    let members: Map<String, Value> =
        members.into_iter().map(normal_member).filter(|(_, value)| !value.is_null()).collect();
    members.into()
}

/// Sends a trigger, and returns the answer with its warnings.
async fn send(
    client: &Client,
    method: Method,
    path: &str,
    body: &Value,
) -> anyhow::Result<(Value, Vec<String>)> {
    let headers = [("content-type", "application/json; charset=utf-8")];
    let answer = client.rest(method, path, &headers, Bytes::from(body.to_string())).await?.success()?;
    let warnings = answer.header(WARNING_HEADER).split("; ").filter(|warning| !warning.is_empty());
    let warnings = warnings.map(str::to_owned).collect();
    Ok((answer.json()?, warnings))
}

/// What the server has to say about a trigger that it took all the same; several are joined by `; `.
const WARNING_HEADER: &str = "x-kulkul-warning";

fn triggers_path(function: &str) -> String {
    format!("{}/triggers", functions::path(function))
}

fn path(function: &str, name: &str) -> String {
    format!("{}/{}", triggers_path(function), encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> TriggerSettings {
        TriggerSettings::new(r#"{"source":["acs.oss"]}"#.to_owned())
    }

    #[test]
    fn a_configuration_says_what_the_settings_say() {
        let expected = json!({
            "triggerEnable": true, "asyncInvocationType": false, "eventRuleFilterPattern": "{\"source\":[\"acs.oss\"]}",
            "eventSourceConfig": {"eventSourceType": "Default"},
            "runOptions": {"retryStrategy": {"PushRetryStrategy": "BACKOFF_RETRY"}},
        });
        assert_eq!(settings().config(), expected);
        let all = TriggerSettings {
            enabled: false,
            invocation: Invocation::Async,
            retry: Retry::ExponentialDecay,
            concurrency: Some(3),
            age_max: Some(Duration::from_secs(60)),
            dead_letter_arn: Some("acs:mns:r:1:/queues/q".to_owned()),
            ..settings()
        };
        let config = all.config();
        assert_eq!(config["eventSinkConfig"]["deliveryOption"]["concurrency"], 3);
        assert_eq!(config["runOptions"]["retryStrategy"]["MaximumEventAgeInSeconds"], 60);
        assert_eq!(config["runOptions"]["deadLetterQueue"]["Arn"], "acs:mns:r:1:/queues/q");
        assert_eq!((&config["triggerEnable"], &config["asyncInvocationType"]), (&json!(false), &json!(true)));
    }

    #[test]
    fn a_configuration_is_recognised_in_other_words() {
        let wanted = settings().config();
        let same = r#"{ "triggerEnable":true, "asyncInvocationType":false, "eventSinkConfig": {"deliveryOption": {}},
            "eventRuleFilterPattern":"{ \"source\": [\"acs.oss\"] }", "eventSourceConfig":{"eventSourceType":"Default"},
            "runOptions":{"deadLetterQueue":null,"retryStrategy":{"PushRetryStrategy":"BACKOFF_RETRY"}}}"#;
        assert!(is_config(same, &wanted));
        let updated = settings().config_of_update().to_string();
        assert!(is_config(&updated, &wanted));
        assert!(!is_config(&same.replace("acs.oss", "acs.ecs"), &wanted));
        assert!(!is_config(&same.replace("false", "true"), &wanted));
        assert!(!is_config("nonsense", &wanted));
    }

    #[test]
    fn a_trigger_names_its_bus() {
        let on = |arn: &str| bus_of(&json!({ "sourceArn": arn })).to_owned();
        assert_eq!(on("acs:eventbridge:r:1:eventbus/default/rule/f-t"), "default");
        assert_eq!(on("acs:eventbridge:r:1:eventbus/shop/rule/f-t"), "shop");
        assert_eq!(on("acs:oss:r:1:photos"), "default");
    }

    #[test]
    fn a_rule_of_another_bus_calls_the_function() {
        let on_shop = TriggerSettings { bus: "shop".into(), invocation: Invocation::Async, ..settings() };
        let rule = on_shop.rule("acs:fc:r:1:functions/f", "f").unwrap();
        assert_eq!((rule.bus.as_str(), rule.pattern.as_str()), ("shop", r#"{"source":["acs.oss"]}"#));
        let target = &rule.targets[0];
        assert_eq!(target["Endpoint"], "acs:fc:r:1:functions/f");
        assert_eq!(target["ParamList"][2]["Value"], "Async");
        let limited = TriggerSettings { age_max: Some(Duration::from_secs(1)), ..on_shop };
        assert!(limited.rule("a", "f").is_err());
    }

    #[test]
    fn only_a_rule_that_does_nothing_but_call_the_function_is_taken_over() {
        let arn = "acs:fc:r:1:functions/f";
        let own =
            TriggerSettings { bus: "shop".into(), ..settings() }.rule(arn, "f").unwrap().targets.remove(0);
        let with = |member: &str, value: &str| {
            let mut target = own.clone();
            target[member] = value.into();
            target
        };
        let table = [
            (vec![own.clone()], true),
            (vec![], false),
            (vec![own.clone(), with("Id", "other")], false),
            (vec![with("Id", "other")], false),
            (vec![with("Endpoint", "acs:fc:r:1:functions/g")], false),
        ];
        for (targets, expected) in table {
            let rule = json!({ "Targets": targets });
            assert_eq!(only_calls(&rule, arn), expected, "{rule}");
        }
    }

    #[test]
    fn a_rule_that_is_gone_counts_as_deleted() {
        let refusal = |code: &str| {
            let error =
                ApiError { status: hyper::StatusCode::OK, code: code.to_owned(), message: String::new() };
            anyhow::Error::new(error).context("DeleteRule")
        };
        assert!(is_absent_rule(&refusal("EventRuleNotExisted")));
        assert!(is_absent_rule(&refusal("EventBusNotExist")));
        assert!(!is_absent_rule(&refusal("AccessDenied")));
        assert!(!is_absent_rule(&anyhow::anyhow!("the connection broke")));
    }
}
