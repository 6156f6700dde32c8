//! Reading the past.

use bytes::Bytes;
use kulkul_model::Timestamp;

use super::given::{append, at, attempt, attempted, log, moved, queue, record, reopened, settle, waiting};
use super::{Engine, Store};
use crate::{AttemptRecord, NewRecord, NextState, PendingDelivery, Record, Seq, TraceFilter};

/// The record, where it went, what was tried, and what is still owed.
pub async fn a_trace_tells_all_that_is_known(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0).to("r", 3).to("s", 0)]).await;
    store.log.settle(vec![attempted("q", seq, NextState::Done, 1)]).await.unwrap();
    let note = Some(Bytes::from_static(b"why"));
    let dead = NextState::Moved { queue: queue("dead/s"), not_before: Timestamp::MAX, note: note.clone() };
    store.log.settle(vec![attempted("s", seq, dead, 1)]).await.unwrap();
    let waits = NextState::Waiting { not_before: at(70), failed: 1, note: None };
    store.log.settle(vec![attempted("r", seq, waits, 1)]).await.unwrap();

    let [traced] = &store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap()[..] else {
        panic!("there is one record");
    };
    assert_eq!((traced.record.seq, &traced.record.body), (seq, &record("a").body));
    let mut routes = traced.routes.clone();
    routes.sort();
    assert_eq!(routes, ["q", "r", "s"].map(queue));
    assert_eq!(traced.attempts, ["q", "r", "s"].map(|name| (queue(name), attempt(1))));
    let mut pending = traced.pending.clone();
    pending.sort_by(|a, b| a.queue.cmp(&b.queue));
    let dead = PendingDelivery { queue: queue("dead/s"), not_before: Timestamp::MAX, failed: 0, note };
    let waiting = PendingDelivery { queue: queue("r"), not_before: at(70), failed: 1, note: None };
    assert_eq!(pending, [dead, waiting]);
}

/// However they were settled.
pub async fn attempts_are_told_by_queue_and_in_order(engine: &dyn Engine) {
    let store = engine.open().await;
    // The queue that was named first must not come first for that.
    let [seq] = append(&*store.log, [record("a").to("r", 0).to("q", 0)]).await;
    for number in 1..=12 {
        let both = ["r", "q"].map(|name| attempted(name, seq, waiting(0), number));
        store.log.settle(both.into()).await.unwrap();
    }
    let traced = store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap();
    let expected: Vec<_> =
        ["q", "r"].iter().flat_map(|name| (1..=12).map(|n| (queue(name), attempt(n)))).collect();
    assert_eq!(traced[0].attempts, expected);
}

/// As when its first outcome was lost in a crash.
pub async fn a_repeated_attempt_is_told_once(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    store.log.settle(vec![attempted("q", seq, waiting(0), 1)]).await.unwrap();
    store.log.settle(vec![attempted("q", seq, NextState::Done, 1)]).await.unwrap();
    let traced = store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap();
    assert_eq!(traced[0].attempts, [(queue("q"), attempt(1))]);
}

/// Their numbers go on.
pub async fn attempts_of_a_dead_letter_that_is_sent_again_are_told_too(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    let attempted_at = |next, number, started_at: i64| {
        let mut settlement = attempted("q", seq, next, number);
        settlement.attempt = settlement.attempt.map(|of| AttemptRecord { started_at: at(started_at), ..of });
        settlement
    };
    store.log.settle(vec![attempted_at(waiting(0), 1, 1)]).await.unwrap();
    store.log.settle(vec![attempted_at(moved("dead/q", at(2)), 2, 2)]).await.unwrap();
    settle(&*store.log, "dead/q", seq, moved("q", at(3))).await;
    store.log.settle(vec![attempted_at(waiting(0), 1, 4), attempted_at(waiting(0), 2, 5)]).await.unwrap();
    store.log.settle(vec![attempted_at(NextState::Done, 3, 6)]).await.unwrap();
    let traced = store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap();
    let told = traced[0].attempts.iter().map(|(_, attempt)| (attempt.number, attempt.started_at));
    let expected = [(1, 1), (2, 2), (3, 4), (4, 5), (5, 6)].map(|(number, began)| (number, at(began)));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

/// Ids are chosen by producers.
pub async fn an_id_is_looked_for_in_its_log_only(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut other = record("a");
    other.key.log = log("bus/other");
    let [_, expected] = append(&*store.log, [record("a"), other]).await;
    let traced = store.traces.by_id(&log("bus/other"), "a", 9).await.unwrap();
    assert_eq!(traced.iter().map(|traced| traced.record.seq).collect::<Vec<_>>(), [expected]);
    assert_eq!(store.traces.by_id(&log("bus/never"), "a", 9).await.unwrap().len(), 0);
    assert_eq!(store.traces.by_id(&log("bus/other"), "A", 9).await.unwrap().len(), 0);
}

/// As many as asked for.
pub async fn records_of_one_id_are_told_newest_first(engine: &dyn Engine) {
    let store = engine.open().await;
    let [_, _, b, _, c] = append(&*store.log, ["a", "x", "a", "x", "a"].map(record)).await;
    let traced = store.traces.by_id(&log("bus/default"), "a", 2).await.unwrap();
    assert_eq!(traced.iter().map(|traced| traced.record.seq).collect::<Vec<_>>(), [c, b]);
}

/// However many others there are; `None` when there is no record at the place.
pub async fn one_of_several_with_an_id_is_found_by_its_place(engine: &dyn Engine) {
    let store = engine.open().await;
    let [first, second] = append(&*store.log, [record("a").to("q", 0), record("a").to("r", 0)]).await;
    store.log.settle(vec![attempted("q", first, NextState::Done, 1)]).await.unwrap();
    let told = async |seq| {
        let traced = store.traces.by_place(seq).await.unwrap().unwrap();
        (traced.record.seq, traced.routes, traced.attempts.len(), traced.pending.len())
    };
    assert_eq!(told(first).await, (first, vec![queue("q")], 1, 0));
    assert_eq!(told(second).await, (second, vec![queue("r")], 0, 1));
    for never in [0, second.0 + 1, u64::MAX] {
        assert!(store.traces.by_place(Seq(never)).await.unwrap().is_none(), "{never}");
    }
}

/// At any place, before and after reopening.
pub async fn a_record_is_found_among_thousands(engine: &dyn Engine) {
    const ALL: usize = 5000;
    let store = engine.open().await;
    append_many(&store, 0..ALL).await;
    let store = reopened(engine).await;
    append_many(&store, ALL..ALL + 10).await;
    for n in [0, 1, 1023, 1024, 2500, ALL - 1, ALL, ALL + 9] {
        let traced = store.traces.by_id(&log("bus/default"), &format!("id-{n}"), 9).await.unwrap();
        assert_eq!(traced.len(), 1, "{n}");
        let subject = TraceFilter { subject: Some(format!("subject-{n}")), ..TraceFilter::default() };
        assert_eq!(ids(&store, &subject).await, [format!("id-{n}")]);
        let went_to = TraceFilter { queue_prefix: Some(format!("rule/{n}/")), ..TraceFilter::default() };
        assert_eq!(ids(&store, &went_to).await, [format!("id-{n}")]);
    }
    assert_eq!(store.traces.by_id(&log("bus/default"), "id-never", 9).await.unwrap().len(), 0);
    assert_eq!(store.traces.count(&TraceFilter::default(), u64::MAX).await.unwrap(), ALL as u64 + 10);
}

/// And only by all of them together.
pub async fn records_are_found_by_every_attribute(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut other = record("b");
    other.key.log = log("invocations");
    other.key.source = "function".to_owned();
    other.key.kind = String::new();
    other.key.subject = String::new();
    append(&*store.log, [record("a"), other]).await;
    let none = TraceFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let table = [
        (TraceFilter { log: Some(log("bus/default")), ..none() }, "a"),
        (TraceFilter { log: Some(log("invocations")), ..none() }, "b"),
        (TraceFilter { log: Some(log("bus/never")), ..none() }, ""),
        (TraceFilter { id: text("a"), ..none() }, "a"),
        (TraceFilter { source: text("shop"), ..none() }, "a"),
        (TraceFilter { source: text("function"), ..none() }, "b"),
        (TraceFilter { source: text("sho"), ..none() }, ""),
        (TraceFilter { kind: text("order:Placed"), ..none() }, "a"),
        (TraceFilter { kind: text(""), ..none() }, "b"),
        (TraceFilter { subject: text("orders/1"), ..none() }, "a"),
        (TraceFilter { subject: text(""), ..none() }, "b"),
        (TraceFilter { source: text("shop"), subject: text(""), ..none() }, ""),
        (TraceFilter { source: text("shop"), kind: text("order:Placed"), ..none() }, "a"),
    ];
    for (filter, expected) in table {
        let expected: Vec<&str> = Some(expected).filter(|id| !id.is_empty()).into_iter().collect();
        assert_eq!(ids(&store, &filter).await, expected, "{filter:?}");
        assert_eq!(store.traces.count(&filter, 9).await.unwrap(), expected.len() as u64, "{filter:?}");
    }
    assert_eq!(ids(&store, &none()).await, ["b", "a"]);
}

/// At both ends, and in no need of order.
pub async fn times_are_inclusive(engine: &dyn Engine) {
    let store = engine.open().await;
    let times = [("a", 20), ("b", 10), ("c", 30)];
    append(&*store.log, times.map(|(id, time)| record(id).accepted(time))).await;
    let between = |from: Option<i64>, to: Option<i64>| TraceFilter {
        from: from.map(at),
        to: to.map(at),
        ..TraceFilter::default()
    };
    let table: [(Option<i64>, Option<i64>, &[&str]); 5] = [
        (Some(20), None, &["c", "a"]),
        (Some(21), None, &["c"]),
        (None, Some(20), &["b", "a"]),
        (Some(10), Some(10), &["b"]),
        (Some(31), None, &[]),
    ];
    for (from, to, expected) in table {
        assert_eq!(ids(&store, &between(from, to)).await, expected, "{from:?} to {to:?}");
    }
}

/// When they were accepted, whatever happened later.
pub async fn records_are_found_by_the_queues_they_went_to(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [
        record("a").to("rule/default/one/1", 0),
        record("b").to("rule/default/on_/1", 0).to("rule/default/two/1", 0),
        record("c"),
    ];
    let [a, b, _] = append(&*store.log, records).await;
    settle(&*store.log, "rule/default/one/1", a, NextState::Done).await;
    settle(&*store.log, "rule/default/two/1", b, moved("dead/rule/default/two/1", at(0))).await;
    let table: [(&str, &[&str]); 6] = [
        ("rule/default/", &["b", "a"]),
        ("rule/default/on", &["b", "a"]),
        ("rule/default/one/", &["a"]),
        ("rule/default/on_/", &["b"]),
        ("rule/default/two/1", &["b"]),
        ("dead/", &[]),
    ];
    for (prefix, expected) in table {
        let filter = TraceFilter { queue_prefix: Some(prefix.to_owned()), ..TraceFilter::default() };
        assert_eq!(ids(&store, &filter).await, expected, "{prefix}");
    }
}

/// Without gaps or repetitions.
pub async fn what_is_found_comes_in_pages_newest_first(engine: &dyn Engine) {
    let store = engine.open().await;
    append_many(&store, 0..2500).await;
    let filter = TraceFilter { source: Some("source-1".to_owned()), ..TraceFilter::default() };
    let (mut found, mut last) = (Vec::new(), None);
    while let page = store.traces.search(&filter, last, 300).await.unwrap()
        && !page.is_empty()
    {
        last = page.last().map(|record| record.seq);
        found.extend(page.into_iter().map(|record| record.key.id));
    }
    let expected: Vec<_> = (0..2500).rev().filter(|n| n % 3 == 1).map(|n| format!("id-{n}")).collect();
    assert_eq!(found, expected);
    assert_eq!(store.traces.search(&filter, None, 0).await.unwrap().len(), 0);
}

/// Counting everything may take long.
pub async fn counting_stops_where_it_is_told(engine: &dyn Engine) {
    let store = engine.open().await;
    append_many(&store, 0..1500).await;
    let filter = TraceFilter { source: Some("source-0".to_owned()), ..TraceFilter::default() };
    for (max, expected) in [(0, 0), (1, 1), (499, 499), (500, 500), (501, 500)] {
        assert_eq!(store.traces.count(&filter, max).await.unwrap(), expected, "up to {max}");
    }
}

/// With its attempts.
pub async fn what_was_found_is_found_after_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    store.log.settle(vec![attempted("q", seq, NextState::Done, 1)]).await.unwrap();
    let store = reopened(engine).await;
    let traced = store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap();
    assert_eq!(traced[0].attempts, [(queue("q"), attempt(1))]);
    assert_eq!(traced[0].routes, [queue("q")]);
    assert_eq!(traced[0].pending, []);
}

/// Records `id-n` that differ in everything, one of three sources each.
pub(super) async fn append_many(store: &Store, range: std::ops::Range<usize>) {
    let new = |n: usize| {
        let mut new = record(&format!("id-{n}")).accepted(n as i64).to(&format!("rule/{n}/1"), 0);
        new.key.source = format!("source-{}", n % 3);
        new.key.subject = format!("subject-{n}");
        new
    };
    let all: Vec<NewRecord> = range.map(new).collect();
    for some in all.chunks(500) {
        store.log.append(some.to_vec()).await.unwrap();
    }
}

async fn ids(store: &Store, filter: &TraceFilter) -> Vec<String> {
    let found: Vec<Record> = store.traces.search(filter, None, 99).await.unwrap();
    found.into_iter().map(|record| record.key.id).collect()
}
