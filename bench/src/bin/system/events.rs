//! The events that are put, and the requests that put them.

use std::net::SocketAddr;
use std::ops::Range;

use hyper::Method;
use kulkul_client::{Key, acs3, encode};
use uuid::Uuid;

use crate::requests::Requests;

/// Size of one event as JSON, as its producer sends it.
pub(crate) const EVENT_BYTES: usize = 1024;
/// Events in a large request: the most that the cloud takes.
pub(crate) const BATCH: usize = 16;
/// Bytes of the id of an event.
pub(crate) const ID_BYTES: usize = 32;
/// Where the id stands in an accepted event, which begins with `{"id":"`.
pub(crate) const ID_AT: Range<usize> = 7..7 + ID_BYTES;

/// An event of [`EVENT_BYTES`] bytes with an id of its own, as `PutEvents` takes it.
pub(crate) fn event() -> String {
    event_of(4711)
}

/// An [`event`] of the customer with this number, whom the pattern of a rule may ask for.
pub(crate) fn event_of(customer: usize) -> String {
    let id = Uuid::new_v4().simple();
    let head = format!(
        r#"{{"Id":"{id}","Source":"shop.orders","Type":"order:Placed","SpecVersion":"1.0","DataContentType":"application/json","Subject":"acs:shop:cn-hangzhou:1000000000000001:orders/77","Time":"2026-11-22T08:00:00.000Z","Data":{{"order":"77","customer":{{"id":{customer},"country":"ID","vip":false}},"items":[{{"sku":"A-17","count":2,"price":19.95}},{{"sku":"B-4","count":1,"price":249.00}}],"total":288.90,"note":""#
    );
    let tail = "\"}}";
    let padding = EVENT_BYTES - head.len() - tail.len();
    format!("{head}{}{tail}", "n".repeat(padding))
}

/// The body of a request that puts events on a bus.
fn put_body(bus: &str, events: &[String]) -> String {
    format!("EventBusName={bus}&EventList={}", encode(&format!("[{}]", events.join(","))))
}

/// Signed requests, each with events of its own.
pub(crate) fn put_requests(
    key: &Key,
    to: SocketAddr,
    bus: &str,
    request_count: usize,
    event_count: usize,
) -> Requests {
    let events = (0..request_count * event_count).map(|_| event());
    put_requests_of(key, to, bus, events, event_count)
}

/// Signed requests that put these events, `event_count` with each.
pub(crate) fn put_requests_of(
    key: &Key,
    to: SocketAddr,
    bus: &str,
    mut events: impl Iterator<Item = String>,
    event_count: usize,
) -> Requests {
    let mut requests = Requests::default();
    loop {
        let together: Vec<String> = events.by_ref().take(event_count).collect();
        if together.is_empty() {
            return requests;
        }
        let body = put_body(bus, &together);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-acs-action", "PutEvents"),
            ("x-acs-version", "2020-04-01"),
        ];
        let signed = acs3::sign(key, to, &Method::POST, "/", &headers, body.as_bytes());
        requests.push("POST", "/", &signed, body.as_bytes());
    }
}

/// What the answer to each of them contains.
pub(crate) const ALL_ACCEPTED: &[u8] = br#""FailedEntryCount":0"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_of_the_size_it_says() {
        for (event, customer) in [(event(), 4711), (event_of(7), 7)] {
            assert_eq!(event.len(), EVENT_BYTES);
            let value: serde_json::Value = serde_json::from_str(&event).unwrap();
            assert_eq!(value["Type"], "order:Placed");
            assert_eq!(value["Data"]["customer"]["id"], customer);
        }
    }

    #[test]
    fn events_are_put_so_many_at_a_time_and_the_last_request_has_the_rest() {
        let key = Key { id: "k".into(), secret: "s".into() };
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let events = (0..5).map(|number| number.to_string());
        let requests = put_requests_of(&key, to, "b", events, 2);
        assert_eq!(requests.len(), 3);
        for (number, events) in ["[0,1]", "[2,3]", "[4]"].into_iter().enumerate() {
            assert!(requests.get(number).ends_with(encode(events).as_bytes()), "{events}");
        }
    }
}
