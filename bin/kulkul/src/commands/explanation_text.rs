//! What a rule says of an event, as text for people.

use kulkul_client::text;
use serde_json::Value;

use super::trace_text::{line, list};

/// Which conditions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Those that failed.
    Failed,
    /// All.
    All,
}

/// Renders one rule of the answer of the explain API.
pub fn verdict(rule: &Value, shown: Shown, out: &mut String) {
    let name = text(&rule["rule"]);
    let says = if rule["matched"] == true { "matches" } else { "does not match" };
    let mut remarks = Vec::new();
    if rule["enabled"] == false {
        remarks.push("it is disabled");
    }
    if rule["targetCount"] == 0 {
        remarks.push("it has no targets");
    }
    match (rule["matched"] == true, rule["routed"] == true) {
        (true, false) if remarks.is_empty() => {
            remarks
                .push("the event was not sent to it when it was accepted: the rule is newer, or was changed");
        }
        (false, true) => remarks.push("the event was sent to it when it was accepted: the rule was changed"),
        (true | false, _) => {}
    }
    let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join("; ")) };
    line(out, format_args!("rule {name} {says}{remarks}"));
    if let Some(problem) = rule["problem"].as_str() {
        line(out, format_args!("  its pattern cannot be used: {problem}"));
    }
    if let Some(at) = rule["malformedAt"].as_u64() {
        line(out, format_args!("  the event is not a valid JSON object (noticed at byte {at})"));
    }
    findings(&rule["findings"], 1, shown, out);
}

/// Renders conditions with what was found.
pub fn findings(of: &Value, depth: usize, shown: Shown, out: &mut String) {
    let indent = 2 * depth;
    for finding in list(of).iter().filter(|finding| shown == Shown::All || finding["held"] == false) {
        let mark = if finding["held"] == true { "ok  " } else { "FAIL" };
        let path = text(&finding["path"]);
        match finding["alternatives"].as_array() {
            None => {
                let found = match &finding["found"] {
                    Value::Null => "the event has no such field".to_owned(),
                    found => format!("found {}", text(found)),
                };
                let condition = text(&finding["condition"]);
                line(out, format_args!("{:indent$}{mark} {path} must satisfy {condition}: {found}", ""));
            }
            Some(alternatives) => {
                let count = alternatives.len();
                line(out, format_args!("{:indent$}{mark} {path}: one of {count} alternatives must hold", ""));
                for alternative in alternatives {
                    findings(&alternative["findings"], depth + 1, shown, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_tells_what_failed_on_which_value() {
        let rule = json!({
            "rule": "big", "enabled": true, "targetCount": 1, "routed": false, "matched": false, "malformedAt": null,
            "findings": [
                {"path": "$.source", "condition": "[\"shop\"]", "found": "\"shop\"", "held": true},
                {"path": "$.data.total", "condition": "[{\"numeric\":[\">\",100]}]", "found": "99", "held": false},
                {"path": "$.$or", "held": false, "alternatives": [
                    {"held": false, "findings": [{"path": "$.a", "condition": "[1]", "found": null, "held": false}]},
                ]},
            ],
        });
        let mut out = String::new();
        verdict(&rule, Shown::Failed, &mut out);
        let expected = "rule big does not match
  FAIL $.data.total must satisfy [{\"numeric\":[\">\",100]}]: found 99
  FAIL $.$or: one of 1 alternatives must hold
    FAIL $.a must satisfy [1]: the event has no such field
";
        assert_eq!(out, expected);
    }

    #[test]
    fn what_differs_from_what_happened_is_said() {
        let rule = |enabled: bool, routed: bool, matched: bool| json!({"rule": "r", "enabled": enabled, "targetCount": 1, "routed": routed, "matched": matched, "findings": []});
        let table = [
            (rule(true, true, true), "rule r matches\n"),
            (rule(false, false, true), "rule r matches (it is disabled)\n"),
            (rule(true, false, false), "rule r does not match\n"),
        ];
        for (rule, expected) in table {
            let mut out = String::new();
            verdict(&rule, Shown::All, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        verdict(&rule(true, true, false), Shown::All, &mut out);
        assert!(out.contains("the rule was changed"), "{out}");
    }
}
