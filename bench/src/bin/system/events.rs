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
    let id = Uuid::new_v4().simple();
    let head = format!(
        r#"{{"Id":"{id}","Source":"shop.orders","Type":"order:Placed","SpecVersion":"1.0","DataContentType":"application/json","Subject":"acs:shop:cn-hangzhou:1000000000000001:orders/77","Time":"2026-11-22T08:00:00.000Z","Data":{{"order":"77","customer":{{"id":4711,"country":"ID","vip":false}},"items":[{{"sku":"A-17","count":2,"price":19.95}},{{"sku":"B-4","count":1,"price":249.00}}],"total":288.90,"note":""#
    );
    let tail = "\"}}";
    let padding = EVENT_BYTES - head.len() - tail.len();
    format!("{head}{}{tail}", "n".repeat(padding))
}

/// The body of a request that puts events on a bus.
pub(crate) fn put_body(bus: &str, event_count: usize) -> String {
    let events: Vec<String> = (0..event_count).map(|_| event()).collect();
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
    let mut requests = Requests::default();
    for _ in 0..request_count {
        let body = put_body(bus, event_count);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-acs-action", "PutEvents"),
            ("x-acs-version", "2020-04-01"),
        ];
        let signed = acs3::sign(key, to, &Method::POST, "/", &headers, body.as_bytes());
        requests.push("POST", "/", &signed, body.as_bytes());
    }
    requests
}

/// What the answer to each of them contains.
pub(crate) const ALL_ACCEPTED: &[u8] = br#""FailedEntryCount":0"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_of_the_size_it_says() {
        let event = event();
        assert_eq!(event.len(), EVENT_BYTES);
        let value: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(value["Type"], "order:Placed");
    }
}
