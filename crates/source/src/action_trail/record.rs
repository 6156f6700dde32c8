//! One record of ActionTrail as the event that EventBridge makes of it.
//!
//! Source: EventBridge, "ActionTrail events". That the event has the record's id, and no subject, is inferred.

use std::borrow::Cow;

use kulkul_catalog::service_code;
use kulkul_model::Draft;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// What is looked at in a record; the record itself becomes `data` as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventRW")]
    event_rw: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    service_name: Option<Cow<'a, str>>,
}

/// What a record becomes.
pub(super) enum Become<'a> {
    /// An event; its id and source are beside it.
    Event { draft: Draft<'a>, id: String, source: String },
    /// Nothing: it tells of a read, and only writes reach EventBridge.
    Read,
    /// Nothing: it is no record.
    Unreadable(String),
}

pub(super) fn event_of(record: &RawValue) -> Become<'_> {
    let head: Head<'_> = match serde_json::from_str(record.get()) {
        Ok(head) => head,
        Err(error) => return Become::Unreadable(error.to_string()),
    };
    if head.event_rw.as_deref() == Some("Read") {
        return Become::Read;
    }
    let code = [&head.service_name, &head.event_source].into_iter().flatten().map(|name| code_of(name));
    let Some(code) = code.into_iter().find(|code| !code.is_empty()) else {
        return Become::Unreadable("it names no service".to_owned());
    };
    let kind = match head.event_type.as_deref() {
        // The older name. Both are in files that are kept for years.
        Some("ConsoleCall") => "ConsoleOperation",
        Some(kind) if !kind.is_empty() => kind,
        _ => return Become::Unreadable("it has no `eventType`".to_owned()),
    };
    let id = match head.event_id.as_deref() {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => hex::encode(&Sha256::digest(record.get())[..16]),
    };
    let source = format!("acs.{code}");
    let mut draft = Draft::empty();
    draft.set_text("id", &id);
    draft.set_text("source", &source);
    draft.set_text("specversion", "1.0");
    draft.set_text("type", &format!("{code}:ActionTrail:{kind}"));
    draft.set_text("datacontenttype", "application/json;charset=utf-8");
    if let Some(time) = head.event_time.filter(|time| !time.is_empty()) {
        draft.set_text("time", &time);
    }
    draft.set("data", record.get());
    Become::Event { draft, id, source }
}

/// `Ecs` and `ecs-cn-hangzhou.aliyuncs.com` are both `ecs`.
fn code_of(name: &str) -> String {
    let host = name.split_once('.').map(|(first, _)| first.split_once('-').map_or(first, |(first, _)| first));
    service_code(host.unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use kulkul_catalog::{Catalog, SampleOptions};
    use kulkul_model::{BusName, Identity, Timestamp};
    use serde_json::Value;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn every_record_of_the_catalog_comes_out_as_what_the_catalog_says() {
        let catalog = Catalog::builtin();
        let options = SampleOptions {
            seed: 7,
            identity: Identity { account: "12".parse().unwrap(), region: "cn-a".parse().unwrap() },
            bus: BusName::default_bus(),
            time: Timestamp::from_millis(1_800_000_000_000),
            overrides: Vec::new(),
        };
        let mut count = 0;
        for (source, kind) in catalog.event_types().filter(|(_, kind)| kind.group() == "ActionTrail") {
            let sample = catalog.sample(source.name(), kind.full_name(), &options).unwrap();
            let sample: Value = serde_json::from_str(&sample).unwrap();
            // Records that another service wrote, as their documentation shows them.
            let foreign =
                ["media", "ecs.aliyuncs.com"].contains(&sample["data"]["serviceName"].as_str().unwrap_or(""));
            if foreign || !sample["data"]["eventType"].is_string() {
                continue;
            }
            let record = raw(&sample["data"].to_string());
            let Become::Event { draft, source, .. } = event_of(&record) else { panic!("{sample}") };
            let text = |name| draft.get_text(name).map(Cow::into_owned);
            assert_eq!(text("type").as_deref(), sample["type"].as_str(), "{sample}");
            assert_eq!(Some(source.as_str()), sample["source"].as_str());
            assert_eq!(text("id").as_deref(), sample["data"]["eventId"].as_str());
            assert_eq!(serde_json::from_str::<Value>(draft.get("data").unwrap()).unwrap(), sample["data"]);
            count += 1;
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn older_and_incomplete_records_are_understood_as_far_as_they_go() {
        let record = raw(r#"{"eventSource":"ecs-cn-hangzhou.aliyuncs.com","eventType":"ConsoleCall"}"#);
        let Become::Event { draft, id, source } = event_of(&record) else { panic!() };
        assert_eq!((source.as_str(), id.len()), ("acs.ecs", 32));
        assert_eq!(draft.get_text("type").unwrap(), "ecs:ActionTrail:ConsoleOperation");
        let read = raw(r#"{"eventRW":"Read","serviceName":"Ecs","eventType":"ApiCall"}"#);
        assert!(matches!(event_of(&read), Become::Read));
        for bad in ["[]", "{}", r#"{"serviceName":"Ecs"}"#, r#"{"eventType":"ApiCall"}"#, r#"{"eventId":1}"#]
        {
            assert!(matches!(event_of(&raw(bad)), Become::Unreadable(_)), "{bad}");
        }
    }
}
