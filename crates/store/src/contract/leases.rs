//! Leasing what is due.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Engine;
use super::given::{append, at, ids, lease, queue, record, reopened};
use crate::NewRecord;

/// And what was appended first, among those due at the same time.
pub async fn what_is_due_longest_is_leased_first(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [("a", 30), ("b", 10), ("c", 20), ("d", 10)].map(|(id, due)| record(id).to("q", due));
    append(&*store.log, records).await;
    let lease = async |max| store.log.lease(&queue("q"), at(99), at(200), max).await.unwrap();
    assert_eq!(ids(&lease(3).await), ["b", "d", "c"]);
    assert_eq!(ids(&lease(3).await), ["a"]);
}

/// To the millisecond.
pub async fn nothing_is_leased_before_its_time(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 10)]).await;
    assert_eq!(ids(&lease(&*store.log, "q", 9, 99).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "q", 10, 99).await), ["a"]);
}

/// And may be renewed by whoever comes then.
pub async fn a_lease_keeps_others_away_until_it_runs_out(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 0), record("b").to("q", 0)]).await;
    let first = store.log.lease(&queue("q"), at(0), at(10), 1).await.unwrap();
    assert_eq!(ids(&first), ["a"]);
    assert_eq!(ids(&lease(&*store.log, "q", 0, 30).await), ["b"]);
    assert_eq!(ids(&lease(&*store.log, "q", 9, 30).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "q", 10, 30).await), ["a"]);
    assert_eq!(ids(&lease(&*store.log, "q", 29, 99).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "q", 30, 99).await), ["a", "b"]);
}

/// As any other lease.
pub async fn a_lease_at_birth_keeps_others_away_until_it_runs_out(engine: &dyn Engine) {
    let store = engine.open().await;
    let both = [record("a").leased_to("q", 10), record("b").to("q", 0).leased_to("r", 10)];
    append(&*store.log, both).await;
    assert_eq!(ids(&lease(&*store.log, "q", 9, 99).await), ["b"]);
    assert_eq!(ids(&lease(&*store.log, "r", 9, 99).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "q", 10, 99).await), ["a"]);
    assert_eq!(ids(&lease(&*store.log, "r", 10, 99).await), ["b"]);
}

/// It may be forgotten earlier.
pub async fn a_lease_does_not_outlive_its_time_across_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 0), record("b").leased_to("q", 10)]).await;
    assert_eq!(ids(&lease(&*store.log, "q", 0, 10).await), ["a"]);
    let store = reopened(engine).await;
    assert_eq!(ids(&lease(&*store.log, "q", 10, 99).await), ["a", "b"]);
}

/// Those at the front of the queue, of which each look must not begin with.
pub async fn what_stands_behind_thousands_of_leases_is_found(engine: &dyn Engine) {
    let store = engine.open().await;
    let many: Vec<NewRecord> = (0..3000).map(|n| record(&n.to_string()).leased_to("q", 100)).collect();
    store.log.append(many).await.unwrap();
    append(&*store.log, [record("x").to("q", 1), record("y").to("q", 2)]).await;
    for id in ["x", "y"] {
        let one = store.log.lease(&queue("q"), at(50), at(100), 1).await.unwrap();
        assert_eq!(ids(&one), [id]);
    }
    assert_eq!(ids(&lease(&*store.log, "q", 99, 100).await), [""; 0]);
    let expired = store.log.lease(&queue("q"), at(100), at(200), 9999).await.unwrap();
    assert_eq!(expired.len(), 3002);
}

/// Although everything around it is leased.
pub async fn what_is_appended_before_leased_ones_is_found(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 10), record("b").to("q", 30)]).await;
    assert_eq!(ids(&lease(&*store.log, "q", 50, 99).await), ["a", "b"]);
    append(&*store.log, [record("c").to("q", 20), record("d").to("q", 5)]).await;
    assert_eq!(ids(&lease(&*store.log, "q", 50, 99).await), ["d", "c"]);
}

/// Also while records are appended.
pub async fn concurrent_leases_never_share_a_delivery(engine: &dyn Engine) {
    const EACH: usize = 300;
    let store = engine.open().await;
    let producers = (0..2).map(|producer| {
        let log = Arc::clone(&store.log);
        tokio::spawn(async move {
            for n in 0..EACH {
                append(&*log, [record(&format!("{producer}-{n}")).to("q", (n % 7) as i64)]).await;
            }
            Vec::new()
        })
    });
    let consumers = (0..4).map(|_| {
        let log = Arc::clone(&store.log);
        tokio::spawn(async move {
            let mut seqs = Vec::new();
            while log.queue_stats(&queue("q"), at(9)).await.unwrap().pending < 2 * EACH as u64 {
                let leased = log.lease(&queue("q"), at(9), at(99), 5).await.unwrap();
                seqs.extend(leased.into_iter().map(|delivery| delivery.record.seq));
            }
            seqs
        })
    });
    let mut seqs = Vec::new();
    for task in producers.chain(consumers).collect::<Vec<_>>() {
        seqs.extend(task.await.unwrap());
    }
    let rest = store.log.lease(&queue("q"), at(9), at(99), 2 * EACH).await.unwrap();
    seqs.extend(rest.into_iter().map(|delivery| delivery.record.seq));
    assert_eq!(seqs.len(), 2 * EACH, "each is leased, none is left behind");
    assert_eq!(seqs.into_iter().collect::<BTreeSet<_>>().len(), 2 * EACH, "and none twice");
}

/// A lease of a record on one queue says nothing of it on another.
pub async fn queues_are_leased_from_separately(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 0).to("q/1", 0)]).await;
    assert_eq!(ids(&lease(&*store.log, "q", 0, 99).await), ["a"]);
    assert_eq!(ids(&lease(&*store.log, "q/1", 0, 99).await), ["a"]);
}

/// And takes nothing from others.
pub async fn a_lease_of_nothing_leases_nothing(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 0)]).await;
    assert_eq!(store.log.lease(&queue("q"), at(0), at(99), 0).await.unwrap().len(), 0);
    assert_eq!(ids(&lease(&*store.log, "q", 0, 99).await), ["a"]);
}
