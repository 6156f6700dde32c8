//! Appending, reading and counting.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};

use super::Engine;
use super::given::{append, at, ids, lease, log, moved, queue, record, reopened, settle, waiting};
use crate::{DeliveryId, NewRecord, NextState, QueueStats, RecordKey, Seq};

/// Over all calls and all logs.
pub async fn places_ascend_in_the_order_given(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut invocation = record("b");
    invocation.key.log = log("invocations");
    let first = append(&*store.log, [record("a"), invocation, record("c")]).await;
    let second = append(&*store.log, [record("d")]).await;
    let places: Vec<Seq> = first.into_iter().chain(second).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    for (seq, id) in places.into_iter().zip(["a", "b", "c", "d"]) {
        assert_eq!(store.log.read(seq).await.unwrap().unwrap().key.id, id);
    }
}

/// Whatever the texts and the body hold.
pub async fn a_record_reads_back_as_it_was_appended(engine: &dyn Engine) {
    let store = engine.open().await;
    let key = RecordKey {
        log: log("bus/bücher"),
        id: "'; DROP TABLE record; --".to_owned(),
        source: "acs.oss\u{0}".to_owned(),
        kind: String::new(),
        subject: "照片/🐈.jpg".to_owned(),
    };
    let new = NewRecord {
        key: key.clone(),
        trace_id: TraceId::from_u128(u128::MAX - 1),
        accepted_at: at(1_732_000_000_123),
        body: Bytes::from_static(&[0, 159, 146, 150, 255]),
        routes: Vec::new(),
    };
    let [seq] = append(&*store.log, [new.clone()]).await;
    let read = store.log.read(seq).await.unwrap().unwrap();
    assert_eq!((read.seq, read.key, read.trace_id), (seq, key, new.trace_id));
    assert_eq!((read.accepted_at, read.body), (new.accepted_at, new.body));
}

/// Neither before the first record nor after the last.
pub async fn a_record_that_never_was_reads_as_none(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a")]).await;
    for never in [0, seq.0 + 1, u64::MAX >> 1] {
        assert!(store.log.read(Seq(never)).await.unwrap().is_none(), "{never}");
    }
}

/// And is no error.
pub async fn an_append_of_nothing_stores_nothing(engine: &dyn Engine) {
    let store = engine.open().await;
    assert_eq!(store.log.append(Vec::new()).await.unwrap(), []);
    store.log.settle(Vec::new()).await.unwrap();
    assert_eq!(store.log.queues().await.unwrap(), []);
}

/// With everything in them.
pub async fn records_and_deliveries_survive_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b] = append(&*store.log, [record("a").to("q", 5), record("b").to("q", 1).to("r", 2)]).await;
    let store = reopened(engine).await;
    assert_eq!(store.log.read(a).await.unwrap().unwrap().body, record("a").body);
    let leased = lease(&*store.log, "q", 10, 20).await;
    assert_eq!(ids(&leased), ["b", "a"]);
    assert_eq!((leased[0].record.seq, leased[0].failed, leased[0].note.clone()), (b, 0, None));
    assert_eq!(ids(&lease(&*store.log, "r", 10, 20).await), ["b"]);
}

/// Also when the last record is gone from all queues.
pub async fn places_are_not_given_out_again_after_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    let [last] = append(&*store.log, [record("a").to("q", 0)]).await;
    settle(&*store.log, "q", last, NextState::Done).await;
    let store = reopened(engine).await;
    let [next] = append(&*store.log, [record("b")]).await;
    assert!(next > last);
}

/// None is lost, none is stored twice.
pub async fn concurrent_appends_get_places_of_their_own(engine: &dyn Engine) {
    let store = engine.open().await;
    let producers: Vec<_> = (0..32)
        .map(|producer| {
            let log = Arc::clone(&store.log);
            tokio::spawn(async move {
                let mut places = Vec::new();
                for n in 0..20 {
                    let id = format!("{producer}-{n}");
                    let [seq] = append(&*log, [record(&id).to("q", 0)]).await;
                    assert_eq!(log.read(seq).await.unwrap().unwrap().key.id, id);
                    places.push(seq);
                }
                assert!(places.is_sorted_by(|a, b| a < b));
                places
            })
        })
        .collect();
    let mut places = BTreeSet::new();
    for producer in producers {
        places.extend(producer.await.unwrap());
    }
    assert_eq!(places.len(), 640);
    assert_eq!(store.log.queue_stats(&queue("q"), at(0)).await.unwrap().pending, 640);
}

/// Larger than any page or buffer.
pub async fn a_large_body_reads_back(engine: &dyn Engine) {
    let store = engine.open().await;
    let body: Bytes = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
    let [seq] = append(&*store.log, [NewRecord { body: body.clone(), ..record("large") }.to("q", 0)]).await;
    assert!(store.log.read(seq).await.unwrap().unwrap().body == body);
    assert!(lease(&*store.log, "q", 0, 1).await[0].record.body == body);
}

/// One commit, however many there are.
pub async fn a_record_goes_to_many_queues(engine: &dyn Engine) {
    let store = engine.open().await;
    let fan_out = (0..2000).fold(record("a"), |record, n| record.to(&format!("rule/{n}"), 0));
    append(&*store.log, [fan_out]).await;
    assert_eq!(store.log.queues().await.unwrap().len(), 2000);
    for n in [0, 1024, 1999] {
        assert_eq!(ids(&lease(&*store.log, &format!("rule/{n}"), 0, 1).await), ["a"]);
    }
}

/// Whether they are leased or not.
pub async fn queues_are_listed_while_they_have_deliveries(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b] = append(&*store.log, [record("a").to("q", 0), record("b").leased_to("r", 99)]).await;
    settle(&*store.log, "q", a, moved("dead/q", Timestamp::MAX)).await;
    let mut queues = store.log.queues().await.unwrap();
    queues.sort();
    assert_eq!(queues, [queue("dead/q"), queue("r")]);
    settle(&*store.log, "r", b, NextState::Done).await;
    assert_eq!(store.log.queues().await.unwrap(), [queue("dead/q")]);
}

/// An expired lease counts as none.
pub async fn the_numbers_of_a_queue_follow_its_leases(engine: &dyn Engine) {
    let store = engine.open().await;
    let numbers = async |now: i64| store.log.queue_stats(&queue("q"), at(now)).await.unwrap();
    let next_due = async |now: i64| store.log.next_due(&queue("q"), at(now)).await.unwrap();
    let stats = |pending, due, next: Option<i64>| QueueStats {
        pending,
        due,
        next_due: next.map(at),
        oldest: Some(at(0)),
    };
    let [a, _, _] =
        append(&*store.log, [record("a").to("q", 10), record("b").to("q", 20), record("c").to("q", 30)])
            .await;
    assert_eq!(numbers(9).await, stats(3, 0, Some(10)));
    assert_eq!(numbers(20).await, stats(3, 2, Some(10)));
    assert_eq!(ids(&lease(&*store.log, "q", 20, 50).await), ["a", "b"]);
    assert_eq!(numbers(29).await, stats(3, 0, Some(30)));
    assert_eq!(numbers(30).await, stats(3, 1, Some(30)));
    assert_eq!(numbers(50).await, stats(3, 3, Some(10)), "the leases have run out");
    assert_eq!([next_due(29).await, next_due(50).await], [Some(at(30)), Some(at(10))]);
    settle(&*store.log, "q", a, waiting(60)).await;
    assert_eq!(numbers(49).await, stats(3, 1, Some(30)));
    assert_eq!(numbers(50).await, stats(3, 2, Some(20)));
    append(&*store.log, [record("d").leased_to("q", 70)]).await;
    assert_eq!(numbers(50).await, stats(4, 2, Some(20)), "the new one is leased");
    assert_eq!(numbers(70).await, stats(4, 4, Some(0)));
}

/// In every respect.
pub async fn a_queue_that_never_was_is_empty(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 0)]).await;
    let never = queue("never");
    assert_eq!(store.log.queue_stats(&never, at(0)).await.unwrap(), QueueStats::default());
    assert_eq!(store.log.lease(&never, at(0), at(9), 9).await.unwrap().len(), 0);
    assert_eq!(store.log.browse(&never, None, 9).await.unwrap().len(), 0);
    assert_eq!(store.log.next_due(&never, at(0)).await.unwrap(), None);
    assert_eq!(store.log.purge(&never).await.unwrap(), 0);
}

/// Of those due at the same time, what was appended first comes first.
pub async fn browsing_goes_by_position_and_leases_nothing(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [("a", 30), ("b", 10), ("c", 10), ("d", 5)].map(|(id, due)| record(id).to("q", due));
    append(&*store.log, records).await;
    lease(&*store.log, "q", 5, 99).await;
    let browse = async |after, max| store.log.browse(&queue("q"), after, max).await.unwrap();
    let all = browse(None, 9).await;
    assert_eq!(ids(&all), ["d", "b", "c", "a"]);
    assert_eq!(all.iter().map(|delivery| delivery.not_before).collect::<Vec<_>>(), [5, 10, 10, 30].map(at));
    assert_eq!(ids(&browse(None, 2).await), ["d", "b"]);
    assert_eq!(ids(&browse(Some(all[1].position()), 1).await), ["c"]);
    assert_eq!(ids(&browse(Some(all[3].position()), 9).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "q", 10, 99).await), ["b", "c"]);
}

/// With what was kept with it; and nothing else is found under its record.
pub async fn one_delivery_is_found(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, _] = append(&*store.log, [record("a").to("q", 10), record("b").to("q", 10)]).await;
    let note = Some(Bytes::from_static(b"kept"));
    settle(&*store.log, "q", a, NextState::Waiting { not_before: at(70), failed: 2, note: note.clone() })
        .await;
    let find = async |name: &str, seq| store.log.find(&DeliveryId { seq, queue: queue(name) }).await.unwrap();
    let found = find("q", a).await.unwrap();
    assert_eq!((found.record.key.id.as_str(), found.not_before, found.failed), ("a", at(70), 2));
    assert_eq!(found.note, note);
    assert!(find("r", a).await.is_none());
    assert!(find("q", Seq(u64::from(u32::MAX))).await.is_none());
    assert_eq!(ids(&lease(&*store.log, "q", 70, 99).await), ["b", "a"]);
}

/// What comes later stays.
pub async fn a_purge_empties_one_queue(engine: &dyn Engine) {
    let store = engine.open().await;
    let many: Vec<NewRecord> = (0..2500).map(|n| record(&n.to_string()).to("q", 0).to("r", 0)).collect();
    store.log.append(many).await.unwrap();
    lease(&*store.log, "q", 0, 99).await;
    assert_eq!(store.log.purge(&queue("q")).await.unwrap(), 2500);
    assert_eq!(store.log.queue_stats(&queue("q"), at(9)).await.unwrap(), QueueStats::default());
    assert_eq!(store.log.queue_stats(&queue("r"), at(9)).await.unwrap().pending, 2500);
    append(&*store.log, [record("later").to("q", 0)]).await;
    assert_eq!(ids(&lease(&*store.log, "q", 0, 99).await), ["later"]);
    assert_eq!(store.log.purge(&queue("q")).await.unwrap(), 1);
}
