//! Dead letters as JSON.

use kulkul_bus::target_of;
use kulkul_delivery::DeadLetter;
use serde_json::{Map, Value, json};

/// A line of the list.
pub(super) fn dead_letter_json(letter: &DeadLetter) -> Map<String, Value> {
    let key = &letter.record.key;
    let failure = letter.failure.as_ref();
    let owner = target_of(&letter.id.target);
    let owner = owner.as_ref();
    let json = json!({
        "id": letter.id.to_string(),
        "name": &*letter.id.target.0,
        "bus": owner.map(|(bus, ..)| bus.as_str()),
        "rule": owner.map(|(_, rule, _)| rule.as_str()),
        "target": owner.map(|(.., target)| target.as_str()),
        "eventId": key.id,
        "source": key.source,
        "type": key.kind,
        "subject": key.subject,
        "acceptedAt": letter.record.accepted_at.to_string(),
        "givenUpAt": letter.given_up_at().to_string(),
        "attemptCount": failure.map(|failure| failure.attempt_count),
        "lastAnswer": failure.map(|failure| failure.answer.as_str()),
    });
    match json {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
