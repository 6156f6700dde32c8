//! QueryTracedEvents.

use kulkul_model::Timestamp;
use kulkul_store::{Record, TraceFilter};
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::page::PageOfEvents;
use super::reply::Success;

/// A page of events.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed<'a> {
    pub(super) events: Vec<TracedEvent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
    pub(super) total: usize,
}

/// An event as lists show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TracedEvent<'a> {
    event_bus_name: &'a str,
    event_id: &'a str,
    event_received_time: i64,
    event_source: &'a str,
    event_type: &'a str,
}

impl<'a> TracedEvent<'a> {
    pub(super) fn of(record: &'a Record, bus: &'a str) -> Self {
        Self {
            event_bus_name: bus,
            event_id: &record.key.id,
            event_received_time: record.accepted_at.as_millis(),
            event_source: &record.key.source,
            event_type: &record.key.kind,
        }
    }
}

/// Newest first; all filters that are given must hold.
pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let (params, page) = (rpc.params, PageOfEvents::asked(rpc.params)?);
    let bus = params.bus()?;
    let text = |name| params.get(name).filter(|text: &&str| !text.is_empty()).map(str::to_owned);
    let time = |name: &'static str| {
        let millis = params.number(name)?.ok_or_else(|| RpcError::missing(name))?;
        Ok::<_, RpcError>(Some(Timestamp::from_millis(millis)))
    };
    let filter = TraceFilter {
        source: text("EventSource"),
        kind: text("EventType"),
        subject: text("Subject"),
        queue_prefix: text("MatchedRule").map(|rule| format!("rule/{bus}/{rule}/")),
        from: time("StartTime")?,
        to: time("EndTime")?,
        ..TraceFilter::default()
    };
    // One more than a page says whether there is a next one: the total is counted up to a bound only.
    let (mut records, total) = rpc.call.api.hub.search(&bus, filter, page.after, page.limit + 1).await?;
    let more = records.len() > page.limit;
    records.truncate(page.limit);
    let last = records.last().filter(|_| more);
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let events = records.iter().map(|record| TracedEvent::of(record, bus.as_str())).collect();
    Ok(Success::of(&Listed { events, next_token: last.map(|record| record.seq.0.to_string()), total }))
}
