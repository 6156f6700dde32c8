//! How an update of an `eventbridge` configuration changes it.

use serde_json::{Map, Value};

/// Merges at the top level, and one level down in `runOptions`; a `null` removes.
///
/// Source: Function Compute 2023-03-30, live tests of an official SDK: a configuration with one member leaves the rest
/// as it was. The source cannot be changed: what an update says of it is passed over.
pub(crate) fn merged(before: Map<String, Value>, update: Map<String, Value>) -> Map<String, Value> {
    let mut next = before;
    for (name, value) in update {
        match (name.as_str(), value) {
            ("eventSourceConfig", _) => {}
            ("runOptions", Value::Object(given)) => {
                let slot = next.entry(name).or_insert_with(|| Value::Object(Map::new()));
                match slot {
                    Value::Object(known) => {
                        given.into_iter().for_each(|(name, value)| set(known, name, value))
                    }
                    other => *other = Value::Object(given),
                }
            }
            (_, value) => set(&mut next, name, value),
        }
    }
    next
}

fn set(members: &mut Map<String, Value>, name: String, value: Value) {
    if value.is_null() {
        members.shift_remove(&name);
    } else {
        members.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = json!({"triggerEnable": true, "eventRuleFilterPattern": "{}", "eventSourceConfig": {"eventSourceType": "Default"},
            "runOptions": {"errorsTolerance": "NONE", "mode": "event-driven"}});
        let update = json!({"asyncInvocationType": true, "triggerEnable": false, "eventSourceConfig": {"eventSourceType": "MNS"},
            "runOptions": {"errorsTolerance": "ALL"}});
        let expected = json!({"triggerEnable": false, "eventRuleFilterPattern": "{}", "eventSourceConfig": {"eventSourceType": "Default"},
            "runOptions": {"errorsTolerance": "ALL", "mode": "event-driven"}, "asyncInvocationType": true});
        assert_eq!(Value::Object(merged(object(before), object(update))), expected);
    }
}
