//! The event of one tick.

use kulkul_model::{Draft, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::ScheduleSettings;
use crate::RegisteredSource;

/// The type of the events.
pub(crate) const EVENT_TYPE: &str = "eventbridge:Events:ScheduledEvent";

/// The id of the event of a tick: always the same for a source as it was created and a planned time.
pub(super) fn id_of(source: &RegisteredSource, tick: Timestamp) -> String {
    let identity = format!("{}\n{}\n{}", source.name, source.created_at.as_millis(), tick.as_millis());
    let hash = Sha256::digest(identity);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(bytes).to_string()
}

/// The event. Its time is the planned one, however late it is made.
pub(super) fn event_of(
    source: &RegisteredSource,
    settings: &ScheduleSettings,
    tick: Timestamp,
) -> Draft<'static> {
    let mut data = Map::new();
    data.insert("TimeZone".to_owned(), settings.zone().into());
    data.insert("Schedule".to_owned(), settings.expression.as_str().into());
    if let Some(user_data) = &settings.user_data {
        data.insert("UserData".to_owned(), user_data.as_str().into());
    }
    let mut draft = Draft::empty();
    draft.set_text("id", &id_of(source, tick));
    draft.set_text("source", source.name.as_str());
    draft.set_text("specversion", "1.0");
    draft.set_text("type", EVENT_TYPE);
    draft.set_text("datacontenttype", "application/json;charset=utf-8");
    draft.set_text("time", &tick.rfc3339_secs());
    draft.set("data", Value::Object(data).to_string());
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceKind;

    #[test]
    fn a_tick_becomes_the_documented_event_with_an_id_of_its_own() {
        let settings =
            ScheduleSettings::parse("0 */10 * * * *", Some("GMT+8:00"), Some("{\"a\":1}".to_owned()))
                .unwrap();
        let source = |created: i64| RegisteredSource {
            bus: "b".parse().unwrap(),
            name: "nightly".parse().unwrap(),
            description: None,
            kind: SourceKind::Schedule(settings.clone()),
            created_at: Timestamp::from_millis(created),
        };
        let tick = Timestamp::parse_rfc3339("2022-09-21T05:00:00Z").unwrap();
        let draft = event_of(&source(1), &settings, tick);
        let data = r#"{"TimeZone":"GMT+8:00","Schedule":"0 */10 * * * *","UserData":"{\"a\":1}"}"#;
        assert_eq!(draft.get("data"), Some(data));
        assert_eq!(draft.get_text("time").unwrap(), "2022-09-21T05:00:00Z");
        assert_eq!((draft.get_text("source").unwrap(), draft.get("subject")), ("nightly".into(), None));
        assert_eq!(draft.get_text("id").unwrap(), id_of(&source(1), tick));
        let later = tick.plus(std::time::Duration::from_secs(600));
        let ids = [id_of(&source(1), tick), id_of(&source(1), later), id_of(&source(2), tick)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
    }
}
