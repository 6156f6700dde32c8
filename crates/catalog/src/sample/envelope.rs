//! The attributes of a sample, in the order and the forms of the real event bus.
//!
//! Source: EventBridge, "Event overview" and the sample events of its service pages.

use std::time::Duration;

use serde_json::{Map, Value};

use super::draw::Draw;
use super::{SAMPLE_ATTRIBUTE, SampleOptions, UNKNOWN_PAYLOAD, subject};
use crate::{EventSource, EventType};

const CONTENT_TYPE: &str = "application/json;charset=utf-8";

/// Everything but `data`.
pub(super) fn envelope(
    source: &EventSource,
    kind: &EventType,
    data: &Value,
    options: &SampleOptions,
    draw: &Draw,
) -> Map<String, Value> {
    let (account, region) = (options.identity.account.as_str(), options.identity.region.as_str());
    let mut attributes = Map::new();
    let mut put = |name: &str, text: String| attributes.insert(name.to_owned(), Value::String(text));
    put("specversion", "1.0".to_owned());
    put("id", id_in_data(kind, data).unwrap_or_else(|| draw.uuid("id")));
    put("source", source.name().to_owned());
    put("type", kind.full_name().to_owned());
    put("datacontenttype", kind.datacontenttype.as_deref().unwrap_or(CONTENT_TYPE).to_owned());
    if let Some(subject) =
        kind.subject.as_deref().and_then(|form| subject::fill(form, source.name(), data, options))
    {
        put("subject", subject);
    }
    put("time", options.time.to_string());
    put("aliyunaccountid", account.to_owned());
    put("aliyunoriginalaccountid", account.to_owned());
    let published = options.time.plus(Duration::from_millis(20 + draw.number("delay") % 500));
    put("aliyunpublishtime", published.to_string());
    put("aliyuneventbusname", options.bus.as_str().to_owned());
    put("aliyunregionid", region.to_owned());
    // A block of addresses that is reserved for documentation (RFC 5737).
    put("aliyunpublishaddr", format!("192.0.2.{}", 1 + draw.number("address") % 254));
    if kind.sample.is_none() {
        put(SAMPLE_ATTRIBUTE, UNKNOWN_PAYLOAD.to_owned());
    }
    attributes
}

/// Audit records and system events carry the id of the event themselves. Of sample data that are used as they were
/// written it is not taken, or every sample would be the same event.
fn id_in_data(kind: &EventType, data: &Value) -> Option<String> {
    kind.setting.as_ref()?;
    let id = match kind.group() {
        "ActionTrail" => data.get("eventId"),
        "CloudMonitor" => data.get("id"),
        _ => None,
    };
    id?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}
