//! Lists of the past, page by page.

use bytes::Bytes;
use kulkul_model::Timestamp;

use super::given::{append, at, attempt, log, moved, queue, record, reopened, settle, settlement, waiting};
use super::traces::append_many;
use super::{Engine, Store};
use crate::{
    AttemptRecord, Counted, NewRecord, NextState, Order, Seq, Settlement, Standing, TraceFilter, TracePage,
};

/// Without gaps or repetitions, however small the pages are.
pub async fn pages_go_on_where_they_stopped_in_both_orders(engine: &dyn Engine) {
    let store = engine.open().await;
    append_many(&store, 0..2500).await;
    let filter = TraceFilter { source: Some("source-1".to_owned()), ..TraceFilter::default() };
    let expected: Vec<_> = (0..2500).filter(|n| n % 3 == 1).map(|n| format!("id-{n}")).collect();
    for max in [1, 300, 10_000] {
        assert_eq!(all(&store, &filter, Order::OldestFirst, max).await, expected, "pages of {max}");
        let mut newest_first = all(&store, &filter, Order::NewestFirst, max).await;
        newest_first.reverse();
        assert_eq!(newest_first, expected, "pages of {max}");
    }
    let none = store.traces.page(&filter, Order::NewestFirst, None, 0).await.unwrap();
    assert_eq!(none.records.len(), 0);
    for (order, after) in [(Order::OldestFirst, Seq(u64::MAX >> 1)), (Order::NewestFirst, Seq(0))] {
        let past = store.traces.page(&filter, order, Some(after), 9).await.unwrap();
        assert_eq!((past.records.len(), past.next), (0, None), "{order:?}");
    }
}

/// A place is a better bookmark than a number of records to skip.
pub async fn what_is_appended_meanwhile_shifts_no_page(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, ["a", "b", "c"].map(record)).await;
    let everything = TraceFilter::default();
    let first = store.traces.page(&everything, Order::NewestFirst, None, 2).await.unwrap();
    assert_eq!(ids(&first), ["c", "b"]);
    let [seq] = append(&*store.log, [record("d")]).await;
    let second = store.traces.page(&everything, Order::NewestFirst, first.next, 2).await.unwrap();
    assert_eq!(ids(&second), ["a"]);
    let newer = store.traces.page(&everything, Order::OldestFirst, Some(Seq(seq.0 - 1)), 2).await.unwrap();
    assert_eq!(ids(&newer), ["d"]);
}

/// What a list needs to say how things stand.
pub async fn a_page_tells_routes_owed_and_delivered(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0).to("r", 0).to("s", 0)]).await;
    store.log.settle(vec![taken("q", seq)]).await.unwrap();
    settle(&*store.log, "r", seq, moved("dead/r", Timestamp::MAX)).await;
    let page = store.traces.page(&TraceFilter::default(), Order::NewestFirst, None, 9).await.unwrap();
    let [found] = &page.records[..] else { panic!("there is one record") };
    assert_eq!((found.record.seq, &found.record.body), (seq, &record("a").body));
    let sorted = |mut queues: Vec<_>| {
        queues.sort();
        queues
    };
    assert_eq!(sorted(found.routes.clone()), ["q", "r", "s"].map(queue));
    assert_eq!(sorted(found.owed.clone()), ["dead/r", "s"].map(queue));
    assert_eq!(found.delivered, [queue("q")]);
}

/// Each is in one of these, but for one that is owed on several queues.
pub async fn records_are_found_by_where_they_stand(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [
        record("unrouted"),
        record("pending").to("q/1", 0),
        record("failed").to("q/1", 0),
        record("delivered").to("q/1", 0).to("q/2", 0),
        record("ended").to("q/1", 0),
        record("half").to("q/1", 0).to("q/2", 0),
        record("both").to("q/1", 0).to("q/2", 0),
    ];
    let [_, _, failed, delivered, ended, half, both] = append(&*store.log, records).await;
    settle(&*store.log, "q/1", failed, moved("dead/q/1", Timestamp::MAX)).await;
    settle(&*store.log, "q/2", both, moved("dead/q/2", Timestamp::MAX)).await;
    let again = Settlement { attempt: Some(failing(1)), ..settlement("q/1", delivered, waiting(0)) };
    store.log.settle(vec![again, taken("q/2", delivered)]).await.unwrap();
    let second = Settlement { attempt: Some(succeeding(2)), ..settlement("q/1", delivered, NextState::Done) };
    store.log.settle(vec![second, taken("q/1", half)]).await.unwrap();
    let last = Settlement { attempt: Some(failing(1)), ..settlement("q/1", ended, NextState::Done) };
    store.log.settle(vec![last, settlement("q/2", half, NextState::Done)]).await.unwrap();
    let owed_on = |prefix: &str| Standing::OwedOn(prefix.to_owned());
    let table: [(Standing, &[&str]); 8] = [
        (Standing::Unrouted(String::new()), &["unrouted"]),
        (owed_on("q/"), &["pending", "both"]),
        (owed_on("q/1"), &["pending", "both"]),
        (owed_on("dead/q/"), &["failed", "both"]),
        (owed_on("dead/q/2"), &["both"]),
        (owed_on("q/3"), &[]),
        (Standing::Delivered(of("q/")), &["delivered"]),
        (Standing::Ended(of("q/")), &["ended", "half"]),
    ];
    for (standing, expected) in table {
        expect_standing(&store, standing, expected).await;
    }
}

/// Only the queues that were asked about say where a record stands.
pub async fn what_happens_on_other_queues_does_not_count(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [
        record("elsewhere").to("import", 0),
        record("taken").to("q/1", 0).to("import", 0),
        record("sent-on").to("q/1", 0),
        record("on-its-way").to("q/1", 0),
        record("kept").to("q/1", 0),
    ];
    let [elsewhere, took, sent_on, on_its_way, kept] = append(&*store.log, records).await;
    store.log.settle(vec![taken("import", elsewhere), taken("q/1", took)]).await.unwrap();
    for given_up in [sent_on, on_its_way] {
        settle(&*store.log, "q/1", given_up, moved("sent/q/1", at(0))).await;
    }
    store.log.settle(vec![taken("sent/q/1", sent_on)]).await.unwrap();
    settle(&*store.log, "q/1", kept, moved("dead/q/1", Timestamp::MAX)).await;
    let table: [(Standing, &[&str]); 5] = [
        (Standing::Unrouted("q/".to_owned()), &["elsewhere"]),
        (Standing::Unrouted("import".to_owned()), &["sent-on", "on-its-way", "kept"]),
        (Standing::Delivered(of("q/")), &["taken"]),
        (Standing::Ended(of("q/")), &["sent-on", "on-its-way"]),
        (Standing::Delivered(of("import")), &["elsewhere"]),
    ];
    for (standing, expected) in table {
        expect_standing(&store, standing, expected).await;
    }
}

/// Wherever they are.
pub async fn what_is_owed_is_found_among_thousands(engine: &dyn Engine) {
    const ALL: usize = 5000;
    let store = engine.open().await;
    let records: Vec<NewRecord> = (0..ALL).map(|n| record(&format!("id-{n}")).to("q", 0)).collect();
    let mut seqs = Vec::new();
    for some in records.chunks(500) {
        seqs.extend(store.log.append(some.to_vec()).await.unwrap());
    }
    let (pending, failed) = ([7, 1024, ALL - 1], [0, 2500, ALL - 2]);
    let settlements = seqs.iter().enumerate().filter(|(n, _)| !pending.contains(n)).map(|(n, &seq)| {
        match failed.contains(&n) {
            true => settlement("q", seq, moved("dead/q", Timestamp::MAX)),
            false => taken("q", seq),
        }
    });
    store.log.settle(settlements.collect()).await.unwrap();
    let named = |numbers: [usize; 3]| numbers.map(|n| format!("id-{n}")).to_vec();
    let owed_on = |prefix: &str| TraceFilter {
        standing: Some(Standing::OwedOn(prefix.to_owned())),
        ..TraceFilter::default()
    };
    for max in [1, 100] {
        assert_eq!(all(&store, &owed_on("q"), Order::OldestFirst, max).await, named(pending));
        assert_eq!(all(&store, &owed_on("dead/"), Order::OldestFirst, max).await, named(failed));
    }
    let delivered = Some(Standing::Delivered(of("q")));
    let delivered = TraceFilter { standing: delivered, ..TraceFilter::default() };
    assert_eq!(store.traces.count(&delivered, u64::MAX).await.unwrap(), ALL as u64 - 6);
}

/// More than an engine would want to collect first.
pub async fn many_that_are_owed_are_found_too(engine: &dyn Engine) {
    const ALL: usize = 10_000;
    let store = engine.open().await;
    let records: Vec<NewRecord> = (0..ALL)
        .map(|n| record(&format!("id-{n}")).to(if n % 2 == 0 { "q/even" } else { "q/odd" }, 0))
        .collect();
    for some in records.chunks(1000) {
        store.log.append(some.to_vec()).await.unwrap();
    }
    let owed_on = |prefix: &str| TraceFilter {
        standing: Some(Standing::OwedOn(prefix.to_owned())),
        ..TraceFilter::default()
    };
    let odd: Vec<_> = (0..ALL).filter(|n| n % 2 == 1).map(|n| format!("id-{n}")).collect();
    assert_eq!(all(&store, &owed_on("q/odd"), Order::OldestFirst, 999).await, odd);
    assert_eq!(all(&store, &owed_on("q/"), Order::NewestFirst, 999).await.len(), ALL);
}

/// In one page and over several.
pub async fn standings_and_attributes_must_hold_together(engine: &dyn Engine) {
    let store = engine.open().await;
    append_many(&store, 0..3000).await;
    let filter = TraceFilter {
        log: Some(log("bus/default")),
        source: Some("source-2".to_owned()),
        standing: Some(Standing::OwedOn("rule/".to_owned())),
        from: Some(at(100)),
        to: Some(at(2900)),
        ..TraceFilter::default()
    };
    let expected: Vec<_> = (100..=2900).filter(|n| n % 3 == 2).map(|n| format!("id-{n}")).collect();
    assert_eq!(all(&store, &filter, Order::OldestFirst, 50).await, expected);
    let other = TraceFilter { log: Some(log("bus/never")), ..filter.clone() };
    assert_eq!(all(&store, &other, Order::OldestFirst, 50).await.len(), 0);
    let routed = TraceFilter { queue_prefix: Some("rule/2000/".to_owned()), ..filter };
    assert_eq!(all(&store, &routed, Order::NewestFirst, 50).await, ["id-2000"]);
}

/// Whoever reads page after page must not need memory for all of them at once.
pub async fn a_page_of_large_bodies_is_cut(engine: &dyn Engine) {
    let store = engine.open().await;
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    for n in 0..12 {
        append(&*store.log, [NewRecord { body: body.clone(), ..record(&format!("id-{n}")) }]).await;
    }
    let everything = TraceFilter::default();
    let first = store.traces.page(&everything, Order::OldestFirst, None, 100).await.unwrap();
    assert!((1..12).contains(&first.records.len()), "{} MiB in one page", first.records.len());
    let expected: Vec<_> = (0..12).map(|n| format!("id-{n}")).collect();
    assert_eq!(all(&store, &everything, Order::OldestFirst, 100).await, expected);
}

/// To know again what comes twice.
pub async fn what_a_log_accepted_since_is_told_newest_first(engine: &dyn Engine) {
    let store = engine.open().await;
    append_many(&store, 0..3000).await;
    let mut other = record("other").accepted(3000);
    other.key.log = log("bus/other");
    append(&*store.log, [other]).await;
    let store = reopened(engine).await;
    let since = |from, max| store.traces.accepted_since(&log("bus/default"), at(from), max, |_| true);
    let keys = since(2997, 99).await.unwrap();
    let told: Vec<_> = keys.iter().map(|key| (&*key.id, &*key.source, key.accepted_at)).collect();
    let expected = [("id-2999", "source-2"), ("id-2998", "source-1"), ("id-2997", "source-0")];
    assert_eq!(told, expected.map(|(id, source)| (id, source, at(id[3..].parse().unwrap()))));
    assert_eq!(keys[0].trace_id, record("id").trace_id);
    assert_eq!(since(0, 2).await.unwrap().len(), 2);
    assert_eq!(since(0, 9999).await.unwrap().len(), 3000);
    assert_eq!(store.traces.accepted_since(&log("bus/never"), at(0), 9, |_| true).await.unwrap(), []);
}

/// What does not count takes the place of nothing that does.
pub async fn only_what_counts_is_told_of_what_a_log_accepted(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = ["a", "b", "c", "d"].map(|id| {
        let body = if id == "c" { "copy" } else { "original" };
        NewRecord { body: Bytes::from(body), ..record(id) }
    });
    append(&*store.log, records).await;
    let originals: fn(&[u8]) -> bool = |body| body == b"original";
    let nothing: fn(&[u8]) -> bool = |_| false;
    type Row<'a> = (usize, fn(&[u8]) -> bool, &'a [&'a str]);
    let table: [Row<'_>; 3] =
        [(2, originals, &["d", "b"]), (9, originals, &["d", "b", "a"]), (9, nothing, &[])];
    for (max, counts, expected) in table {
        let keys = store.traces.accepted_since(&log("bus/default"), at(0), max, counts).await.unwrap();
        let ids: Vec<_> = keys.into_iter().map(|key| key.id).collect();
        assert_eq!(ids, expected, "at most {max}");
    }
}

/// The ids of all pages.
async fn all(store: &Store, filter: &TraceFilter, order: Order, max: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.traces.page(filter, order, after, max).await.unwrap();
        assert!(page.records.len() <= max);
        found.extend(page.records.into_iter().map(|found| found.record.key.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// These stand like this, given oldest first, and no others.
async fn expect_standing(store: &Store, standing: Standing, expected: &[&str]) {
    let filter = TraceFilter { standing: Some(standing), ..TraceFilter::default() };
    assert_eq!(all(store, &filter, Order::OldestFirst, 9).await, expected, "{filter:?}");
    let counted = store.traces.count(&filter, 99).await.unwrap();
    assert_eq!(counted, expected.len() as u64, "{filter:?}");
    let newest_first: Vec<_> = expected.iter().rev().copied().collect();
    assert_eq!(all(store, &filter, Order::NewestFirst, 1).await, newest_first, "{filter:?}");
}

/// Queues whose names start with this, and those of their dead letters.
fn of(queues: &str) -> Counted {
    Counted { queues: queues.to_owned(), dead_letters: format!("dead/{queues}") }
}

fn ids(page: &TracePage) -> Vec<&str> {
    page.records.iter().map(|found| found.record.key.id.as_str()).collect()
}

/// The target has taken it at the first attempt.
fn taken(queue_name: &str, seq: Seq) -> Settlement {
    Settlement { attempt: Some(succeeding(1)), ..settlement(queue_name, seq, NextState::Done) }
}

fn succeeding(number: u32) -> AttemptRecord {
    AttemptRecord { succeeded: true, ..attempt(number) }
}

fn failing(number: u32) -> AttemptRecord {
    AttemptRecord { succeeded: false, ..attempt(number) }
}
