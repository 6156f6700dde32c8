//! What the tests start from: values with defaults, and short ways to say common things.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};

use super::{Engine, Store};
use crate::{
    AttemptRecord, Delivery, DeliveryId, EventLog, LogName, NewRecord, NextState, QueueId, RecordKey, Route,
    Seq, Settlement,
};

/// A time of the test's own clock.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A queue.
pub(super) fn queue(name: &str) -> QueueId {
    QueueId(name.into())
}

/// A log.
pub(super) fn log(name: &str) -> LogName {
    LogName(name.into())
}

/// A record of the log `bus/default` that was accepted at time 0 and goes nowhere.
pub(super) fn record(id: &str) -> NewRecord {
    NewRecord {
        key: RecordKey {
            log: log("bus/default"),
            id: id.to_owned(),
            source: "shop".to_owned(),
            kind: "order:Placed".to_owned(),
            subject: "orders/1".to_owned(),
        },
        trace_id: TraceId::from_u128(7),
        accepted_at: at(0),
        body: Bytes::from(format!(r#"{{"id":"{id}"}}"#)),
        routes: Vec::new(),
    }
}

impl NewRecord {
    /// Routed to a queue, due at a time.
    pub(super) fn to(mut self, queue_name: &str, not_before: i64) -> Self {
        self.routes.push(Route { queue: queue(queue_name), not_before: at(not_before), leased_until: None });
        self
    }

    /// Routed to a queue, due at once, and leased until a time.
    pub(super) fn leased_to(mut self, queue_name: &str, until: i64) -> Self {
        let leased_until = Some(at(until));
        self.routes.push(Route { queue: queue(queue_name), not_before: at(0), leased_until });
        self
    }

    /// Accepted at a time.
    pub(super) fn accepted(mut self, millis: i64) -> Self {
        self.accepted_at = at(millis);
        self
    }
}

/// Appends records in one call.
pub(super) async fn append<const N: usize>(log: &dyn EventLog, records: [NewRecord; N]) -> [Seq; N] {
    let seqs = log.append(records.into()).await.expect("records are appended");
    seqs.try_into().expect("each record has a place")
}

/// Leases all that is due at `now` until `until`.
pub(super) async fn lease(log: &dyn EventLog, queue_name: &str, now: i64, until: i64) -> Vec<Delivery> {
    log.lease(&queue(queue_name), at(now), at(until), 100).await.expect("what is due is leased")
}

/// The ids of the records that are owed.
pub(super) fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.record.key.id.as_str()).collect()
}

/// A settlement without an attempt.
pub(super) fn settlement(queue_name: &str, seq: Seq, next: NextState) -> Settlement {
    Settlement { delivery: DeliveryId { seq, queue: queue(queue_name) }, next, attempt: None }
}

/// A settlement with an attempt.
pub(super) fn attempted(queue_name: &str, seq: Seq, next: NextState, number: u32) -> Settlement {
    Settlement { attempt: Some(attempt(number)), ..settlement(queue_name, seq, next) }
}

/// Settles one delivery.
pub(super) async fn settle(log: &dyn EventLog, queue_name: &str, seq: Seq, next: NextState) {
    log.settle(vec![settlement(queue_name, seq, next)]).await.expect("a delivery is settled");
}

/// An attempt that failed; without an invocation when its number is even.
pub(super) fn attempt(number: u32) -> AttemptRecord {
    let of_function = !number.is_multiple_of(2);
    AttemptRecord {
        number,
        started_at: at(1000 * i64::from(number)),
        elapsed_micros: 1234,
        succeeded: false,
        answer: "[500]InternalError".to_owned(),
        invocation: of_function.then(|| format!("1-00000000-{number:024x}")),
        log: of_function.then(|| "Traceback …\n".to_owned()),
    }
}

/// Due again at a time, with nothing failed and nothing kept.
pub(super) fn waiting(not_before: i64) -> NextState {
    NextState::Waiting { not_before: at(not_before), failed: 0, note: None }
}

/// On another queue, due at a time, with nothing kept.
pub(super) fn moved(queue_name: &str, not_before: Timestamp) -> NextState {
    NextState::Moved { queue: queue(queue_name), not_before, note: None }
}

/// Closes the store and opens it again.
pub(super) async fn reopened(engine: &dyn Engine) -> Store {
    engine.close().await;
    engine.open().await
}

/// Waits for something that must happen; fails loudly when it does not.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within 20 s"),
    }
}
