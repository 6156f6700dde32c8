//! Lists of events: asking for a page, and one line for each event.

use std::fmt::Write;

use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::Value;

use super::native;
use super::trace_text::list;
use crate::cli::EventFilterArgs;

/// The words of a filter, as the API names them.
pub fn words(filter: &EventFilterArgs) -> Vec<(&'static str, String)> {
    let texts = [
        ("id", &filter.id),
        ("source", &filter.source),
        ("type", &filter.kind),
        ("subject", &filter.subject),
        ("rule", &filter.rule),
        ("status", &filter.status),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    let times = [("from", filter.from), ("to", filter.to)];
    let times = times.into_iter().filter_map(|(name, time)| Some((name, time?.as_millis().to_string())));
    texts.chain(times).collect()
}

/// One page of the events of a bus.
pub async fn fetch(client: &Client, bus: &str, words: &[(&str, String)]) -> anyhow::Result<Value> {
    native::call(client, Method::GET, &format!("buses/{}/events", encode(bus)), words, None).await
}

/// One line for people, and a second one with the event itself when it is there.
pub fn line(event: &Value) -> String {
    let rules: Vec<String> = list(&event["rules"]).iter().map(text).collect();
    let mut out = format!(
        "{}  {:13}  {}  {}  {}",
        text(&event["acceptedAt"]),
        text(&event["status"]),
        text(&event["source"]),
        text(&event["type"]),
        text(&event["id"]),
    );
    if !rules.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(out, "  → {}", rules.join(", "));
    }
    if !event["event"].is_null() {
        let _ = write!(out, "\n  {}", event["event"]);
    }
    out
}
