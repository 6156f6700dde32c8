//! Forgetting.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::Timestamp;

use super::given::{
    append, at, attempted, ids, lease, log, moved, queue, record, reopened, settle, settlement,
};
use super::traces::append_many;
use super::{Engine, Store};
use crate::{NewRecord, NextState, Retention, TraceFilter};

/// Whatever the order they were appended in.
pub async fn what_is_too_old_goes(engine: &dyn Engine) {
    let store = engine.open().await;
    let times = [("a", 20), ("b", 10), ("c", 30), ("d", 15)];
    append(&*store.log, times.map(|(id, time)| record(id).accepted(time))).await;
    // Those that are just as old as allowed stay.
    assert_eq!(store.traces.trim(younger_than(100), at(115), 9).await.unwrap(), 1);
    assert_eq!(kept(&store).await, ["d", "c", "a"]);
    assert_eq!(store.traces.trim(younger_than(100), at(121), 9).await.unwrap(), 2);
    assert_eq!(kept(&store).await, ["c"]);
}

/// As many as needed.
pub async fn the_oldest_go_when_bodies_take_too_much(engine: &dyn Engine) {
    let store = engine.open().await;
    let body = Bytes::from(vec![b'x'; 1000]);
    let sized = |id| NewRecord { body: body.clone(), ..record(id) };
    append(&*store.log, ["a", "b", "c", "d"].map(sized)).await;
    assert_eq!(store.traces.trim(smaller_than(4000), at(0), 9).await.unwrap(), 0);
    assert_eq!(store.traces.trim(smaller_than(2500), at(0), 9).await.unwrap(), 2);
    assert_eq!(kept(&store).await, ["d", "c"]);
    let store = reopened(engine).await;
    assert_eq!(store.traces.trim(smaller_than(1999), at(0), 9).await.unwrap(), 1);
    assert_eq!(kept(&store).await, ["d"]);
}

/// Dead letters too.
pub async fn what_is_owed_stays(engine: &dyn Engine) {
    let store = engine.open().await;
    let records =
        [record("a").to("q", 0), record("b").leased_to("q", 99), record("c").to("r", 0), record("d")];
    let [a, b, c, _] = append(&*store.log, records).await;
    settle(&*store.log, "r", c, moved("dead/r", Timestamp::MAX)).await;
    assert_eq!(store.traces.trim(younger_than(1), at(100), 9).await.unwrap(), 1);
    assert_eq!(store.traces.trim(smaller_than(0), at(100), 9).await.unwrap(), 0);
    assert_eq!(kept(&store).await, ["c", "b", "a"]);
    for (queue, seq) in [("q", a), ("q", b), ("dead/r", c)] {
        settle(&*store.log, queue, seq, NextState::Done).await;
    }
    assert_eq!(store.traces.trim(younger_than(1), at(100), 9).await.unwrap(), 3);
}

/// So that no call takes long.
pub async fn trimming_goes_on_where_it_stopped(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, ["a", "b", "c", "d", "e"].map(record)).await;
    for went in [2, 2, 1, 0] {
        assert_eq!(store.traces.trim(younger_than(1), at(100), 2).await.unwrap(), went);
    }
    assert_eq!(store.traces.trim(younger_than(1), at(100), 0).await.unwrap(), 0);
}

/// Its attempts as well.
pub async fn what_was_trimmed_is_forgotten_everywhere(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    store.log.settle(vec![attempted("q", seq, NextState::Done, 1)]).await.unwrap();
    store.traces.trim(younger_than(1), at(100), 9).await.unwrap();
    assert!(store.log.read(seq).await.unwrap().is_none());
    assert_eq!(store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap().len(), 0);
    let [again] = append(&*store.log, [record("a")]).await;
    let traced = store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap();
    assert_eq!((traced[0].record.seq, traced[0].attempts.len(), traced.len()), (again, 0, 1));
}

/// Not even after reopening.
pub async fn places_of_trimmed_records_are_not_given_out_again(engine: &dyn Engine) {
    let store = engine.open().await;
    let [_, last] = append(&*store.log, ["a", "b"].map(record)).await;
    assert_eq!(store.traces.trim(younger_than(1), at(100), 9).await.unwrap(), 2);
    let store = reopened(engine).await;
    let [next] = append(&*store.log, [record("c")]).await;
    assert!(next > last);
}

/// Over any number of records, with gaps where some are owed.
pub async fn what_bodies_take_is_known_exactly(engine: &dyn Engine) {
    const ALL: usize = 4000;
    let store = engine.open().await;
    let body = Bytes::from(vec![b'x'; 1000]);
    let sized = |n: usize| NewRecord { body: body.clone(), ..record(&format!("id-{n}")) };
    let owed = |n: &usize| n.is_multiple_of(100);
    let records: Vec<NewRecord> =
        (0..ALL).map(|n| if owed(&n) { sized(n).to("q", 0) } else { sized(n) }).collect();
    for some in records.chunks(500) {
        store.log.append(some.to_vec()).await.unwrap();
    }
    let kept = |count: usize| smaller_than(1000 * count as u64);
    assert_eq!(store.traces.trim(kept(ALL), at(0), 9999).await.unwrap(), 0);
    assert_eq!(store.traces.trim(kept(1500), at(0), 9999).await.unwrap(), 2500);
    assert_eq!(store.traces.trim(kept(1500), at(0), 9999).await.unwrap(), 0);
    let store = reopened(engine).await;
    assert_eq!(store.traces.trim(kept(1500), at(0), 9999).await.unwrap(), 0);
    assert_eq!(store.traces.trim(kept(1499), at(0), 9999).await.unwrap(), 1);
    let left = store.traces.count(&TraceFilter::default(), u64::MAX).await.unwrap();
    assert_eq!(left, 1499);
    assert_eq!(store.traces.trim(kept(0), at(0), 9999).await.unwrap(), 1499 - 40);
    assert_eq!(store.log.queue_stats(&queue("q"), at(0)).await.unwrap().pending, 40);
}

/// And what comes afterwards is found.
pub async fn all_of_many_records_can_be_trimmed(engine: &dyn Engine) {
    let store = engine.open().await;
    append_many(&store, 0..3000).await;
    let mut done = Vec::new();
    for n in (0..3000).filter(|n| n % 1000 != 7) {
        let queue_name = format!("rule/{n}/1");
        let leased = lease(&*store.log, &queue_name, 0, 99).await;
        done.push(settlement(&queue_name, leased[0].record.seq, NextState::Done));
    }
    let rest = done.len() as u64 - 2000;
    store.log.settle(done).await.unwrap();
    assert_eq!(store.traces.trim(younger_than(1), at(9000), 2000).await.unwrap(), 2000);
    let store = reopened(engine).await;
    assert_eq!(store.traces.trim(younger_than(1), at(9000), 2000).await.unwrap(), rest);
    assert_eq!(kept(&store).await, ["id-2007", "id-1007", "id-7"]);
    append(&*store.log, [record("new")]).await;
    assert_eq!(kept(&store).await, ["new", "id-2007", "id-1007", "id-7"]);
    assert_eq!(ids(&lease(&*store.log, "rule/7/1", 0, 99).await), ["id-7"]);
    assert_eq!(store.log.purge(&queue("rule/7/1")).await.unwrap(), 1);
    assert_eq!(store.traces.trim(smaller_than(0), at(9000), 9).await.unwrap(), 2);
    assert_eq!(kept(&store).await, ["id-2007", "id-1007"]);
}

fn younger_than(millis: u64) -> Retention {
    Retention { age_max: Duration::from_millis(millis), bytes_max: u64::MAX }
}

fn smaller_than(bytes: u64) -> Retention {
    Retention { age_max: Duration::MAX, bytes_max: bytes }
}

async fn kept(store: &Store) -> Vec<String> {
    let found = store.traces.search(&TraceFilter::default(), None, 9).await.unwrap();
    found.into_iter().map(|record| record.key.id).collect()
}
