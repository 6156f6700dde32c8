//! Finds events by their attributes, time and status, page by page.

use std::borrow::Cow;

use kulkul_bus::FoundEvent;
use kulkul_model::BusName;
use kulkul_store::{Order, Seq};
use serde_json::{Value, json as value};

use super::target_query::limit;
use super::trace_event::body_json;
use super::{bus_error, event_query, json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::query::Query;

/// Events of one page: unless asked otherwise, and at most.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;

pub(super) async fn run(call: Call<'_>, bus: &BusName) -> Result<Answer, FcError> {
    let query = Query::parse(call.query());
    let wanted = event_query::read(|name| query.get(name).map(Cow::Borrowed))?;
    let after = query.get("after").filter(|text| !text.is_empty()).map(place).transpose()?;
    let limit = limit(query.get("limit"), LIMIT, LIMIT_MAX)?;
    let page =
        call.api.hub.find_events(bus, &wanted, order(&query)?, after, limit).await.map_err(bus_error)?;
    let with_body = query.get("body") == Some("true");
    let events: Vec<String> = page.events.iter().map(|event| event_json(event, with_body)).collect();
    let next = page.next.map_or(Value::Null, |next| next.to_string().into());
    Ok(json(format!("{{\"events\":[{}],\"next\":{next}}}", events.join(","))))
}

/// One line of the list; with `with_body` the event stands in it as it was accepted, byte for byte.
pub(super) fn event_json(found: &FoundEvent, with_body: bool) -> String {
    let (record, key) = (&found.record, &found.record.key);
    let mut line = value!({
        "id": key.id,
        "source": key.source,
        "type": key.kind,
        "subject": key.subject,
        "traceId": record.trace_id.to_string(),
        "acceptedAt": record.accepted_at.to_string(),
        "status": found.status.as_str(),
        "rules": found.rules,
        "place": record.seq.to_string(),
    })
    .to_string();
    if with_body {
        line.pop();
        line.push_str(",\"event\":");
        line.push_str(body_json(record));
        line.push('}');
    }
    line
}

fn place(text: &str) -> Result<Seq, FcError> {
    let place = text.parse().map(Seq);
    place.map_err(|_| FcError::invalid("after: must be a place that a page before ended with"))
}

fn order(query: &Query<'_>) -> Result<Order, FcError> {
    match query.get("order") {
        None | Some("" | "newest") => Ok(Order::NewestFirst),
        Some("oldest") => Ok(Order::OldestFirst),
        Some(_) => Err(FcError::invalid("order: must be `newest` or `oldest`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_places_are_checked() {
        let order_of = |query| order(&Query::parse(query)).ok();
        assert_eq!(order_of(""), Some(Order::NewestFirst));
        assert_eq!(order_of("order=oldest"), Some(Order::OldestFirst));
        assert_eq!(order_of("order=random"), None);
        assert_eq!(place("12").ok(), Some(Seq(12)));
        assert!(place("x").is_err());
    }
}
