//! What differs between what the API shows and what is wanted, in words. Pure.

use std::collections::BTreeSet;

use kulkul_client::text;
use serde_json::{Map, Value};

use crate::rules::{RuleSettings, targets_of};
use crate::triggers::{TriggerSettings, is_config};

/// The differences of a function's settings. Of environment variables only names are told: values may be secrets.
pub(super) fn of_function(found: &Value, wanted: &Map<String, Value>) -> Vec<String> {
    let mut details = Vec::new();
    for (name, value) in wanted {
        let known = &found[name];
        if known == value {
            continue;
        }
        match name.as_str() {
            "environmentVariables" => details.push(environment(known, value)),
            "description" => details.push("description".to_owned()),
            _ => details.push(format!("{name} {} → {}", shown(known), shown(value))),
        }
    }
    details
}

/// The differences of a trigger on the same bus.
pub(super) fn of_trigger(found: &Value, wanted: &TriggerSettings) -> Vec<String> {
    let mut details = Vec::new();
    let shown = text(&found["triggerConfig"]);
    let config = wanted.config();
    if !is_config(&shown, &config) {
        let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
        let pattern = shown["eventRuleFilterPattern"].as_str().unwrap_or_default();
        let pattern_is_same = same_json(pattern, &wanted.pattern);
        details.push(if pattern_is_same { "settings" } else { "pattern" }.to_owned());
    }
    if text(&found["description"]) != wanted.description {
        details.push("description".to_owned());
    }
    details
}

/// The differences of a rule.
pub(super) fn of_rule(found: &Value, wanted: &RuleSettings) -> Vec<String> {
    let mut details = Vec::new();
    if !same_json(&text(&found["FilterPattern"]), &wanted.pattern) {
        details.push("pattern".to_owned());
    }
    if (found["Status"] == "ENABLE") != wanted.enabled {
        details.push(if wanted.enabled { "enabled" } else { "disabled" }.to_owned());
    }
    if found["Description"].as_str().unwrap_or_default() != wanted.description {
        details.push("description".to_owned());
    }
    let known = targets_of(found);
    let are_same = known.len() == wanted.targets.len()
        && wanted.targets.iter().all(|target| known.iter().any(|known| is_target(known, target)));
    if !are_same {
        details.push("targets".to_owned());
    }
    details
}

/// Whether a target as the API shows it is the one that is wanted. The API shows more than was given.
fn is_target(shown: &Value, wanted: &Value) -> bool {
    let Value::Object(members) = wanted else { return false };
    let optional = ["ConcurrentConfig", "DeadLetterQueue"];
    let is_absent = |name: &&str| !members.contains_key(*name) && !shown[*name].is_null();
    members.iter().all(|(name, value)| holds(&shown[name], value)) && !optional.iter().any(is_absent)
}

/// Whether a value has everything that is wanted.
fn holds(shown: &Value, wanted: &Value) -> bool {
    match (shown, wanted) {
        (Value::Object(shown), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| shown.get(name).is_some_and(|shown| holds(shown, value)))
        }
        (Value::Array(shown), Value::Array(wanted)) => {
            shown.len() == wanted.len() && shown.iter().zip(wanted).all(|(shown, value)| holds(shown, value))
        }
        _ => shown == wanted,
    }
}

fn same_json(one: &str, other: &str) -> bool {
    match (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn environment(known: &Value, wanted: &Value) -> String {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (known, wanted) = (members(known), members(wanted));
    let names: BTreeSet<&String> = known.keys().chain(wanted.keys()).collect();
    let changed = names.into_iter().filter(|name| known.get(*name) != wanted.get(*name));
    format!("environment ({})", changed.cloned().collect::<Vec<_>>().join(", "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        value => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn differences_of_a_function_are_named_and_secrets_are_not() {
        let found = json!({"timeout": 3, "memorySize": 512, "description": "", "handler": "index.handler",
            "environmentVariables": {"KEEP": "1", "OLD": "secret", "CHANGED": "secret"}});
        let same = json!({"timeout": 3, "memorySize": 512, "role": null,
            "environmentVariables": {"CHANGED": "secret", "KEEP": "1", "OLD": "secret"}});
        assert!(of_function(&found, &members(same)).is_empty());
        let wanted = json!({"timeout": 60, "description": "new", "role": "r",
            "environmentVariables": {"KEEP": "1", "NEW": "secret", "CHANGED": "hidden"}});
        let expected = ["timeout 3 → 60", "description", "role none → r", "environment (CHANGED, NEW, OLD)"];
        assert_eq!(of_function(&found, &members(wanted)), expected);
    }

    #[test]
    fn differences_of_a_trigger_are_named() {
        let settings = TriggerSettings::new(r#"{"source":["a"]}"#.to_owned());
        let found = |settings: &TriggerSettings| json!({"triggerConfig": settings.config().to_string(), "description": settings.description});
        assert!(of_trigger(&found(&settings), &settings).is_empty());
        let other = TriggerSettings { enabled: false, description: "d".into(), ..settings.clone() };
        assert_eq!(of_trigger(&found(&settings), &other), ["settings", "description"]);
        let other = TriggerSettings { pattern: r#"{"source":["b"]}"#.into(), ..settings.clone() };
        assert_eq!(of_trigger(&found(&settings), &other), ["pattern"]);
    }

    #[test]
    fn differences_of_a_rule_are_named() {
        let target = json!({"Id": "t", "Type": "http", "Endpoint": "http://h",
            "ParamList": [{"ResourceKey": "Body", "Form": "ORIGINAL"}], "PushRetryStrategy": "BACKOFF_RETRY"});
        let mut shown = target.clone();
        shown["DetailMap"] = json!({});
        shown["PushSelector"] = json!("PARAM_TRANSFORMER");
        let found = json!({"FilterPattern": "{ \"source\": [\"a\"] }", "Status": "ENABLE", "Description": "",
            "Targets": [shown]});
        let wanted = RuleSettings {
            bus: "b".into(),
            pattern: r#"{"source":["a"]}"#.into(),
            enabled: true,
            description: String::new(),
            targets: vec![target.clone()],
        };
        assert!(of_rule(&found, &wanted).is_empty());
        let mut limited = target.clone();
        limited["ConcurrentConfig"] = json!({"Concurrency": 1});
        assert_eq!(
            of_rule(&found, &RuleSettings { targets: vec![limited.clone()], ..wanted.clone() }),
            ["targets"]
        );
        let mut once_limited = found.clone();
        once_limited["Targets"][0]["ConcurrentConfig"] = json!({"Concurrency": 1});
        assert_eq!(of_rule(&once_limited, &wanted), ["targets"]);
        let other = RuleSettings { enabled: false, targets: Vec::new(), pattern: "{}".into(), ..wanted };
        assert_eq!(of_rule(&found, &other), ["pattern", "disabled", "targets"]);
    }
}
