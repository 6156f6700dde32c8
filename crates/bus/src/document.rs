//! How buses and rules are stored, and what all documents of this crate have in common. Format 1.

use std::time::Duration;

use bytes::Bytes;
use kulkul_delivery::{ErrorsTolerance, ParamForm, RetryStrategy, TargetConfig, TargetParam};
use kulkul_model::{BusName, InvalidName, RuleName, Timestamp};
use kulkul_store::{Key, LogName, StoreError};
use serde::{Deserialize, Serialize};

use crate::dedup::{DeduplicationWindow, InvalidWindow};
use crate::hub::{BusInfo, BusSettings};
use crate::log_name;
use crate::rule::{Owner, Rule, RuleStatus};
use crate::search::NotAStatus;

/// The format of every document of this crate.
pub(crate) const FORMAT: u32 = 1;

pub(crate) fn bus_key(bus: &BusName) -> Key {
    format!("bus/{bus}").into()
}

pub(crate) fn rule_key(bus: &BusName, rule: &RuleName) -> Key {
    format!("rule/{bus}/{rule}").into()
}

#[derive(Serialize, Deserialize)]
struct StoredBus {
    format: u32,
    name: String,
    description: String,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deduplication_secs: Option<u64>,
    /// Absent in what was written before each bus had a log of its own.
    #[serde(default)]
    log: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredRule {
    format: u32,
    bus: String,
    name: String,
    description: String,
    pattern: String,
    enabled: bool,
    targets: Vec<StoredTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<StoredOwner>,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredOwner {
    function: String,
    trigger: String,
}

#[derive(Serialize, Deserialize)]
struct StoredTarget {
    id: String,
    kind: String,
    endpoint: String,
    params: Vec<StoredParam>,
    retry: StoredRetry,
    tolerate_errors: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<std::num::NonZeroU32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age_max_secs: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead_letter_arn: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredRetry {
    Backoff,
    ExponentialDecay,
    Invocation { retries: u32 },
}

#[derive(Serialize, Deserialize)]
struct StoredParam {
    key: String,
    form: StoredForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredForm {
    Original,
    Constant,
    JsonPath,
    Template,
    ObjectNotification,
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is not the JSON that this version writes")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Window(#[from] InvalidWindow),
    #[error("its status {0}")]
    Status(#[from] NotAStatus),
}

pub(crate) fn write_bus(bus: &BusInfo, log: &LogName) -> Bytes {
    let stored = StoredBus {
        format: FORMAT,
        name: bus.name.as_str().to_owned(),
        description: bus.description.clone(),
        created_ms: bus.created_at.as_millis(),
        deduplication_secs: bus.settings.deduplication.map(DeduplicationWindow::as_secs),
        log: Some(log.to_string()),
    };
    to_bytes(&stored)
}

/// A bus and its log.
pub(crate) fn read_bus(key: &Key, value: &[u8]) -> Result<(BusInfo, LogName), StoreError> {
    read(key, value, |stored: &StoredBus| stored.format, restore_bus)
}

fn restore_bus(stored: StoredBus) -> Result<(BusInfo, LogName), Unreadable> {
    let deduplication = stored.deduplication_secs.map(DeduplicationWindow::of_secs).transpose()?;
    let name: BusName = stored.name.parse()?;
    let log = stored.log.map_or_else(|| log_name::of_old(&name), |log| LogName(log.into()));
    let info = BusInfo {
        name,
        description: stored.description,
        created_at: Timestamp::from_millis(stored.created_ms),
        settings: BusSettings { deduplication },
    };
    Ok((info, log))
}

pub(crate) fn write_rule(rule: &Rule) -> Bytes {
    let stored = StoredRule {
        format: FORMAT,
        bus: rule.bus.as_str().to_owned(),
        name: rule.name.as_str().to_owned(),
        description: rule.description.clone(),
        pattern: rule.pattern.clone(),
        enabled: rule.status == RuleStatus::Enabled,
        targets: rule.targets.iter().map(store_target).collect(),
        owner: rule.owner.as_ref().map(|owner| StoredOwner {
            function: owner.function.as_str().to_owned(),
            trigger: owner.trigger.as_str().to_owned(),
        }),
        created_ms: rule.created_at.as_millis(),
    };
    to_bytes(&stored)
}

pub(crate) fn read_rule(key: &Key, value: &[u8]) -> Result<Rule, StoreError> {
    read(key, value, |stored: &StoredRule| stored.format, restore_rule)
}

fn restore_rule(stored: StoredRule) -> Result<Rule, Unreadable> {
    let owner = stored.owner.map(|owner| {
        let (function, trigger) = (owner.function.parse()?, owner.trigger.parse()?);
        Ok::<_, InvalidName>(Owner { function, trigger })
    });
    Ok(Rule {
        bus: stored.bus.parse()?,
        name: stored.name.parse()?,
        description: stored.description,
        pattern: stored.pattern,
        status: if stored.enabled { RuleStatus::Enabled } else { RuleStatus::Disabled },
        targets: stored.targets.into_iter().map(restore_target).collect::<Result<_, _>>()?,
        owner: owner.transpose()?,
        created_at: Timestamp::from_millis(stored.created_ms),
    })
}

fn store_target(target: &TargetConfig) -> StoredTarget {
    let form = |form| match form {
        ParamForm::Original => StoredForm::Original,
        ParamForm::Constant => StoredForm::Constant,
        ParamForm::JsonPath => StoredForm::JsonPath,
        ParamForm::Template => StoredForm::Template,
        ParamForm::ObjectNotification => StoredForm::ObjectNotification,
    };
    let param = |param: &TargetParam| StoredParam {
        key: param.key.clone(),
        form: form(param.form),
        value: param.value.clone(),
        template: param.template.clone(),
    };
    StoredTarget {
        id: target.id.as_str().to_owned(),
        kind: target.kind.clone(),
        endpoint: target.endpoint.clone(),
        params: target.params.iter().map(param).collect(),
        retry: match target.retry {
            RetryStrategy::Backoff => StoredRetry::Backoff,
            RetryStrategy::ExponentialDecay => StoredRetry::ExponentialDecay,
            // No target of a rule has it.
            RetryStrategy::UntilTaken => StoredRetry::Backoff,
            RetryStrategy::Invocation { retry_count_max } => {
                StoredRetry::Invocation { retries: retry_count_max }
            }
        },
        tolerate_errors: target.tolerance == ErrorsTolerance::All,
        concurrency: target.concurrency,
        age_max_secs: target.age_max.map(|age| age.as_secs()),
        dead_letter_arn: target.dead_letter_arn.clone(),
    }
}

fn restore_target(stored: StoredTarget) -> Result<TargetConfig, InvalidName> {
    let form = |form| match form {
        StoredForm::Original => ParamForm::Original,
        StoredForm::Constant => ParamForm::Constant,
        StoredForm::JsonPath => ParamForm::JsonPath,
        StoredForm::Template => ParamForm::Template,
        StoredForm::ObjectNotification => ParamForm::ObjectNotification,
    };
    let param = |param: StoredParam| TargetParam {
        key: param.key,
        form: form(param.form),
        value: param.value,
        template: param.template,
    };
    Ok(TargetConfig {
        id: stored.id.parse()?,
        kind: stored.kind,
        endpoint: stored.endpoint,
        params: stored.params.into_iter().map(param).collect(),
        retry: match stored.retry {
            StoredRetry::Backoff => RetryStrategy::Backoff,
            StoredRetry::ExponentialDecay => RetryStrategy::ExponentialDecay,
            StoredRetry::Invocation { retries } => RetryStrategy::Invocation { retry_count_max: retries },
        },
        tolerance: if stored.tolerate_errors { ErrorsTolerance::All } else { ErrorsTolerance::None },
        concurrency: stored.concurrency,
        age_max: stored.age_max_secs.map(Duration::from_secs),
        dead_letter_arn: stored.dead_letter_arn,
    })
}

/// The bytes of a document, whose format is [`FORMAT`].
pub(crate) fn to_bytes(stored: &impl Serialize) -> Bytes {
    serde_json::to_vec(stored).expect("a struct of texts and numbers is JSON").into()
}

/// Reads a document whose format is [`FORMAT`]; refuses another one by name.
pub(crate) fn read<'a, S: Deserialize<'a>, T>(
    key: &Key,
    value: &'a [u8],
    format: fn(&S) -> u32,
    restore: fn(S) -> Result<T, Unreadable>,
) -> Result<T, StoreError> {
    let unreadable = |error: Unreadable| {
        tracing::error!(key = %key, error = %error, "a stored document cannot be read");
        StoreError::engine("read a stored document", error)
    };
    let stored: S = serde_json::from_slice(value).map_err(|error| unreadable(error.into()))?;
    let found = format(&stored);
    if found != FORMAT {
        let (found, expected) = (found.to_string(), FORMAT.to_string());
        return Err(StoreError::Format { what: format!("the document `{key}`"), found, expected });
    }
    restore(stored).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_model::TargetId;

    #[test]
    fn a_rule_comes_back_as_it_was_stored() {
        let rule = Rule {
            bus: BusName::default_bus(),
            name: "r".parse().unwrap(),
            description: "d".into(),
            pattern: r#"{"source": ["x"]}"#.into(),
            status: RuleStatus::Disabled,
            targets: vec![TargetConfig {
                id: "t".parse::<TargetId>().unwrap(),
                kind: "acs.fc.function".into(),
                endpoint: "acs:fc:r:1:functions/f".into(),
                params: vec![TargetParam {
                    key: "Body".into(),
                    form: ParamForm::ObjectNotification,
                    value: None,
                    template: Some("x".into()),
                }],
                retry: RetryStrategy::ExponentialDecay,
                tolerance: ErrorsTolerance::None,
                concurrency: std::num::NonZeroU32::new(3),
                age_max: Some(Duration::from_secs(60)),
                dead_letter_arn: Some("acs:mns:r:1:/queues/q".into()),
            }],
            owner: Some(Owner { function: "f".parse().unwrap(), trigger: "t".parse().unwrap() }),
            created_at: Timestamp::from_millis(5),
        };
        let key = rule_key(&rule.bus, &rule.name);
        assert_eq!(read_rule(&key, &write_rule(&rule)).unwrap(), rule);
    }

    #[test]
    fn a_bus_comes_back_as_it_was_stored_and_an_older_one_has_no_settings_and_the_log_of_its_name() {
        let settings = |secs: Option<u64>| BusSettings {
            deduplication: secs.map(|secs| DeduplicationWindow::of_secs(secs).unwrap()),
        };
        let bus = |settings| BusInfo {
            name: BusName::default_bus(),
            description: "d".into(),
            created_at: Timestamp::from_millis(5),
            settings,
        };
        let key = bus_key(&BusName::default_bus());
        for bus in [bus(settings(None)), bus(settings(Some(300)))] {
            let log = log_name::fresh(&bus.name);
            assert_eq!(read_bus(&key, &write_bus(&bus, &log)).unwrap(), (bus, log));
        }
        let older = br#"{"format":1,"name":"default","description":"d","created_ms":5}"#;
        let log = LogName("bus/default".into());
        assert_eq!(read_bus(&key, older).unwrap(), (bus(settings(None)), log));
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let bus = BusInfo {
            name: BusName::default_bus(),
            description: String::new(),
            created_at: Timestamp::from_millis(0),
            settings: BusSettings::default(),
        };
        let written = write_bus(&bus, &log_name::of_old(&bus.name)).to_vec();
        let text = String::from_utf8(written).unwrap().replace("\"format\":1", "\"format\":2");
        let error = read_bus(&bus_key(&bus.name), text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "the document `bus/default` has format 2, this version reads 1");
    }
}
