//! Rules, through the EventBridge API.

use kulkul_client::{Client, text};
use serde_json::{Value, json};

use crate::functions::absent_is_none;

/// The settings of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSettings {
    /// Its bus.
    pub bus: String,
    /// The pattern, as JSON text.
    pub pattern: String,
    /// Whether it acts.
    pub enabled: bool,
    /// What its owner says of it.
    pub description: String,
    /// Where it sends, each in the form of the API.
    pub targets: Vec<Value>,
}

impl RuleSettings {
    fn status(&self) -> &'static str {
        if self.enabled { "ENABLE" } else { "DISABLE" }
    }
}

/// Creates a rule with its targets, or nothing, and returns its ARN.
pub async fn create(client: &Client, name: &str, settings: &RuleSettings) -> anyhow::Result<String> {
    let targets = json!(settings.targets).to_string();
    let parameters = [
        ("EventBusName", settings.bus.as_str()),
        ("RuleName", name),
        ("FilterPattern", &settings.pattern),
        ("Description", &settings.description),
        ("Status", settings.status()),
        ("EventTargets", &targets),
    ];
    Ok(text(&client.rpc("CreateRule", &parameters).await?["RuleARN"]))
}

/// Makes an existing rule what the settings say. Targets that it does not name are removed, after those that it names
/// were written.
pub async fn update(client: &Client, name: &str, settings: &RuleSettings) -> anyhow::Result<()> {
    let place = [("EventBusName", settings.bus.as_str()), ("RuleName", name)];
    let changed = [
        ("FilterPattern", settings.pattern.as_str()),
        ("Description", &settings.description),
        ("Status", settings.status()),
    ];
    client.rpc("UpdateRule", &[&place[..], &changed].concat()).await?;
    let targets = json!(settings.targets).to_string();
    if !settings.targets.is_empty() {
        let put = client.rpc("PutTargets", &[&place[..], &[("Targets", &targets)]].concat()).await?;
        refused_entries("PutTargets", &put)?;
    }
    let stays = |id: &Value| settings.targets.iter().any(|target| target["Id"] == *id);
    let current = get(client, &settings.bus, name).await?;
    let obsolete: Vec<&Value> =
        targets_of(&current).iter().map(|target| &target["Id"]).filter(|id| !stays(id)).collect();
    if !obsolete.is_empty() {
        let ids = json!(obsolete).to_string();
        let deleted = client.rpc("DeleteTargets", &[&place[..], &[("TargetIds", &ids)]].concat()).await?;
        refused_entries("DeleteTargets", &deleted)?;
    }
    Ok(())
}

/// A rule.
pub async fn get(client: &Client, bus: &str, name: &str) -> anyhow::Result<Value> {
    client.rpc("GetRule", &[("EventBusName", bus), ("RuleName", name)]).await
}

/// A rule, or `None` when the bus has none of that name.
pub async fn find(client: &Client, bus: &str, name: &str) -> anyhow::Result<Option<Value>> {
    absent_is_none(get(client, bus, name).await, "EventRuleNotExisted")
}

/// The rules of a bus whose names start with `prefix`.
pub async fn list(client: &Client, bus: &str, prefix: &str) -> anyhow::Result<Vec<Value>> {
    pages(client, "ListRules", "Rules", &[("EventBusName", bus), ("RuleNamePrefix", prefix)]).await
}

/// Deletes a rule with its targets.
pub async fn delete(client: &Client, bus: &str, name: &str) -> anyhow::Result<()> {
    client.rpc("DeleteRule", &[("EventBusName", bus), ("RuleName", name)]).await.map(drop)
}

/// Lets a rule act, or not.
pub async fn set_enabled(client: &Client, bus: &str, name: &str, enabled: bool) -> anyhow::Result<()> {
    let action = if enabled { "EnableRule" } else { "DisableRule" };
    client.rpc(action, &[("EventBusName", bus), ("RuleName", name)]).await.map(drop)
}

/// The targets of a rule, as the API shows it.
pub fn targets_of(rule: &Value) -> &[Value] {
    rule["Targets"].as_array().map_or(&[], Vec::as_slice)
}

/// All pages of a list of the EventBridge API.
pub(crate) async fn pages(
    client: &Client,
    action: &str,
    member: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let mut asked = parameters.to_vec();
        asked.push(("Limit", "100"));
        if !token.is_empty() {
            asked.push(("NextToken", &token));
        }
        let mut answer = client.rpc(action, &asked).await?;
        if let Value::Array(items) = answer[member].take() {
            all.extend(items);
        }
        match answer["NextToken"].as_str().filter(|next| !next.is_empty() && *next != token) {
            Some(next) => token = next.to_owned(),
            None => return Ok(all),
        }
    }
}

/// Operations on several targets succeed and say which of them were refused.
fn refused_entries(action: &str, answer: &Value) -> anyhow::Result<()> {
    match answer["ErrorEntries"].as_array().and_then(|entries| entries.first()) {
        Some(entry) => anyhow::bail!(
            "{action}: target {}: {}: {}",
            text(&entry["EntryId"]),
            text(&entry["ErrorCode"]),
            text(&entry["ErrorMessage"])
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_target_is_an_error() {
        assert!(refused_entries("PutTargets", &json!({"ErrorEntries": [], "ErrorEntriesCount": 0})).is_ok());
        let answer = json!({"ErrorEntries": [{"EntryId": "t1", "ErrorCode": "C", "ErrorMessage": "m"}]});
        assert_eq!(
            refused_entries("PutTargets", &answer).unwrap_err().to_string(),
            "PutTargets: target t1: C: m"
        );
    }
}
