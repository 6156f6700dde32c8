//! CloudMonitor's URL notifications: `POST /cloudmonitor/{bus}?token=…`, each of which becomes one event.
//!
//! A system event (JSON with `product`, `name`, `level`, …) becomes the event that the cloud's EventBridge makes of it.
//! A threshold alert (a form, or the same as JSON) has no counterpart there: its type is `cms:CloudMonitor:ThresholdAlert`,
//! which is ours. A notification that comes again, since the first answer was lost, has the same id.
//!
//! Source: CloudMonitor, "Use the alert callback feature" and "SendDryRunSystemEvent"; ECS, "Event notification
//! overview". That `data` is the whole notification is inferred.

use kulkul_access::{Secret, equal};
use kulkul_catalog::service_code;
use kulkul_listener::RequestBody;
use kulkul_model::{Draft, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::ReceiveError;
use super::{Taken, bus_of, taken};
use crate::api::Call;
use crate::eventbridge::RequestId;
use crate::percent::{Plus, decode_text};
use crate::query::{Query, raw_pairs};

const BODY_BYTES_MAX: usize = 256 * 1024; // Ours; a notification has a few KB.
const FIELD_COUNT_MAX: usize = 256; // Ours; an alert has a score of them.

pub(super) async fn receive(
    expected: Option<&Secret>,
    call: Call<'_>,
    id: &RequestId,
    body: &mut RequestBody,
) -> Result<Taken, ReceiveError> {
    let expected = expected.ok_or(ReceiveError::NotConfigured)?;
    let query = Query::parse(call.query());
    let token = query.get("token").ok_or(ReceiveError::Token)?;
    if !equal(expected.expose().as_bytes(), token.as_bytes()) {
        return Err(ReceiveError::Token);
    }
    let bus = bus_of(call.path())?;
    let body = body.read_all(BODY_BYTES_MAX).await?;
    let draft = read(&body)?;
    call.peer.run_to_end();
    let answers = call.api.hub.accept(&bus, vec![Ok(draft)], call.peer.ip()).await?;
    taken(id, &answers)
}

fn unreadable(reason: impl Into<String>) -> ReceiveError {
    ReceiveError::Unreadable { expected: "a notification of CloudMonitor", reason: reason.into() }
}

/// The event that a notification becomes.
pub(super) fn read(body: &[u8]) -> Result<Draft<'static>, ReceiveError> {
    event_of(fields_of(body)?)
}

/// The fields of a notification: a JSON object, whatever its media type says, or a form.
fn fields_of(body: &[u8]) -> Result<Map<String, Value>, ReceiveError> {
    let text = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| unreadable(error.to_string()));
    }
    let mut fields = Map::new();
    for (name, value) in raw_pairs(text.trim()) {
        let decode = |text| decode_text(text, Plus::Space).ok_or_else(|| unreadable("it is not UTF-8"));
        fields.insert(decode(name)?.into_owned(), decode(value)?.into_owned().into());
        if fields.len() > FIELD_COUNT_MAX {
            return Err(unreadable("it has too many fields"));
        }
    }
    Ok(fields)
}

fn event_of(fields: Map<String, Value>) -> Result<Draft<'static>, ReceiveError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let event = match (text("product"), text("name"), text("alertState")) {
        (Some(product), Some(name), _) => {
            let code = service_code(product);
            Notified {
                id: text("id").map(str::to_owned).unwrap_or_else(|| id_of(&fields, &[])),
                source: format!("acs.{code}"),
                kind: format!("{code}:CloudMonitor:{}", type_name(name)),
                time: text("eventTime").and_then(compact_time),
            }
        }
        (_, _, Some(_)) => Notified {
            id: id_of(&fields, ALERT_IDENTITY),
            source: "acs.cms".to_owned(),
            kind: "cms:CloudMonitor:ThresholdAlert".to_owned(),
            time: fields.get("timestamp").and_then(millis).map(Timestamp::from_millis),
        },
        _ => return Err(unreadable("it has neither `product` and `name` nor `alertState`")),
    };
    let mut draft = Draft::empty();
    draft.set_text("id", &event.id);
    draft.set_text("source", &event.source);
    draft.set_text("specversion", "1.0");
    draft.set_text("type", &event.kind);
    draft.set_text("datacontenttype", "application/json;charset=utf-8");
    if let Some(time) = event.time {
        draft.set_text("time", &time.to_string());
    }
    draft.set("data", Value::Object(fields).to_string());
    Ok(draft)
}

/// What a notification says of the event that it becomes.
struct Notified {
    id: String,
    source: String,
    kind: String,
    time: Option<Timestamp>,
}

/// What tells one threshold alert from another; the rest may differ between two tries at the same notification.
const ALERT_IDENTITY: &[&str] = &["userId", "ruleId", "alertName", "alertState", "dimensions", "timestamp"];

/// An id that is the same for the same notification: a digest of some fields, or of all when none is named.
fn id_of(fields: &Map<String, Value>, names: &[&str]) -> String {
    let mut hash = Sha256::new();
    for (name, value) in fields.iter().filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
    {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(value.to_string().as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..16])
}

/// The last part of the type that EventBridge gives to CloudMonitor's event `name`: underscores go and the letter
/// after one is upper case, like the first; the first colon becomes `[`, and then `]` ends it.
///
/// Source: pairs of names in "Appendix 2: System Events" and types on the pages of EventBridge.
fn type_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    let (mut raise, mut bracket) = (true, false);
    for c in name.chars() {
        match c {
            '_' => raise = true,
            ':' if !bracket => {
                (bracket, raise) = (true, true);
                out.push('[');
            }
            _ => {
                out.push(if raise { c.to_ascii_uppercase() } else { c });
                raise = false;
            }
        }
    }
    if bracket {
        out.push(']');
    }
    out
}

/// `20260211T110405.271+0800` as a point in time.
fn compact_time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once('T')?;
    let zone_at = rest.find(['+', '-', 'Z'])?;
    let (time, zone) = rest.split_at_checked(zone_at)?;
    if !text.is_ascii() || date.len() != 8 || time.len() < 6 {
        return None;
    }
    let zone = match zone.len() {
        5 => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => zone.to_owned(),
    };
    let (y, m, d) = (&date[..4], &date[4..6], &date[6..]);
    Timestamp::parse_rfc3339(&format!("{y}-{m}-{d}T{}:{}:{}{zone}", &time[..2], &time[2..4], &time[4..]))
}

/// Milliseconds since the epoch, as a number or as text.
fn millis(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use kulkul_catalog::{Catalog, SampleOptions};
    use kulkul_model::{BusName, Identity};

    use super::*;

    fn event(body: &str) -> Result<Value, String> {
        let draft = read(body.as_bytes()).map_err(|error| error.chain())?;
        let mut event = Map::new();
        for name in ["id", "source", "type", "time", "data"] {
            let value = draft.get(name).map(|json| serde_json::from_str(json).unwrap());
            event.insert(name.to_owned(), value.unwrap_or(Value::Null));
        }
        Ok(event.into())
    }

    #[test]
    fn every_system_event_of_the_catalog_comes_out_as_what_the_catalog_says() {
        let catalog = Catalog::builtin();
        let options = SampleOptions {
            seed: 7,
            identity: Identity { account: "12".parse().unwrap(), region: "cn-a".parse().unwrap() },
            bus: BusName::default_bus(),
            time: Timestamp::from_millis(1_800_000_000_000),
            overrides: Vec::new(),
        };
        let mut count = 0;
        for (source, kind) in catalog.event_types().filter(|(_, kind)| kind.group() == "CloudMonitor") {
            let sample = catalog.sample(source.name(), kind.full_name(), &options).unwrap();
            let sample: Value = serde_json::from_str(&sample).unwrap();
            let Some(name) = sample["data"]["name"].as_str() else { continue };
            // The two sources of RDS call themselves the same.
            if source.name() == "acs.mysql" {
                continue;
            }
            let event = event(&sample["data"].to_string()).unwrap();
            assert_eq!(event["data"], sample["data"]);
            assert_eq!((&event["type"], &event["source"]), (&sample["type"], &sample["source"]), "{name}");
            assert_eq!(event["id"], sample["data"]["id"]);
            assert!(event["time"].is_string(), "{}", sample["data"]);
            count += 1;
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn a_threshold_alert_comes_as_a_form_or_as_json() {
        let form = "alertName=cpu+high&alertState=ALERT&curValue=95&dimensions=%5B%7B%22a%22%3A1%7D%5D\
                    &ruleId=r1&timestamp=1508136760000&userId=12";
        let one = event(form).unwrap();
        let json = r#"{"alertName":"cpu high","alertState":"ALERT","curValue":"96","dimensions":"[{\"a\":1}]",
                       "ruleId":"r1","timestamp":"1508136760000","userId":"12"}"#;
        let again = event(json).unwrap();
        assert_eq!(one["type"], "cms:CloudMonitor:ThresholdAlert");
        assert_eq!((&one["source"], &one["time"]), (&"acs.cms".into(), &"2017-10-16T06:52:40.000Z".into()));
        assert_eq!((&one["data"]["alertName"], &one["data"]["curValue"]), (&"cpu high".into(), &"95".into()));
        assert_eq!(one["id"], again["id"], "the same alert");
        let other = event(&form.replace("ALERT", "OK")).unwrap();
        assert_ne!(one["id"], other["id"]);
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        for body in ["", "hello", "{}", "{", r#"{"product":"ECS"}"#, "%ff=1"] {
            assert!(event(body).unwrap_err().contains("not a notification"), "{body}");
        }
    }

    #[test]
    fn names_become_types() {
        let table = [
            ("CertKeyExpired_1", "CertKeyExpired1"),
            ("migration_job_abnormal", "MigrationJobAbnormal"),
            ("Instance_Failover", "InstanceFailover"),
            ("AUTOSCALING:SCALE_OUT_WARN", "AUTOSCALING[SCALEOUTWARN]"),
            (
                "Instance:SystemMaintenance.MinorVersionUpgrade:Canceled",
                "Instance[SystemMaintenance.MinorVersionUpgrade:Canceled]",
            ),
        ];
        for (name, expected) in table {
            assert_eq!(type_name(name), expected);
        }
    }

    #[test]
    fn compact_times_are_read() {
        let table = [
            ("20260211T110405.271+0800", Some("2026-02-11T03:04:05.271Z")),
            ("20260211T030405Z", Some("2026-02-11T03:04:05.000Z")),
            ("20260211T030405.271-0130", Some("2026-02-11T04:34:05.271Z")),
            ("2026-02-11", None),
            ("20260211Té0405Z", None),
            ("20261311T030405Z", None),
        ];
        for (text, expected) in table {
            assert_eq!(compact_time(text).map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }
}
