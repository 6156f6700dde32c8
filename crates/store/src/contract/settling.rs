//! Ending leases.

use bytes::Bytes;
use kulkul_model::Timestamp;

use super::Engine;
use super::given::{append, at, attempted, ids, lease, moved, queue, record, reopened, settle, waiting};
use crate::{NextState, Seq};

/// For good, while its record stays.
pub async fn what_is_done_is_off_its_queue(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0).to("r", 0)]).await;
    lease(&*store.log, "q", 0, 9).await;
    settle(&*store.log, "q", seq, NextState::Done).await;
    assert_eq!(ids(&lease(&*store.log, "q", 99, 199).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "r", 99, 199).await), ["a"]);
    assert!(store.log.read(seq).await.unwrap().is_some());
}

/// With the count of failures that it was given, and in its new order.
pub async fn what_waits_is_due_again_at_its_time(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b] = append(&*store.log, [record("a").to("q", 0), record("b").to("q", 1)]).await;
    lease(&*store.log, "q", 9, 99).await;
    let next = NextState::Waiting { not_before: at(50), failed: 3, note: None };
    settle(&*store.log, "q", a, next).await;
    settle(&*store.log, "q", b, waiting(40)).await;
    assert_eq!(ids(&lease(&*store.log, "q", 39, 99).await), [""; 0]);
    let leased = lease(&*store.log, "q", 50, 99).await;
    assert_eq!(ids(&leased), ["b", "a"]);
    assert_eq!([leased[0].failed, leased[1].failed], [0, 3]);
}

/// Although everything from that time on is leased.
pub async fn what_waits_for_an_earlier_time_is_found(engine: &dyn Engine) {
    let store = engine.open().await;
    let [_, b, _] =
        append(&*store.log, [record("a").to("q", 10), record("b").to("q", 20), record("c").to("q", 30)])
            .await;
    lease(&*store.log, "q", 50, 99).await;
    settle(&*store.log, "q", b, waiting(5)).await;
    assert_eq!(ids(&lease(&*store.log, "q", 50, 99).await), ["b"]);
}

/// Nothing else changes.
pub async fn a_lease_given_back_is_free_at_once(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").leased_to("q", 99)]).await;
    settle(&*store.log, "q", seq, waiting(0)).await;
    assert_eq!(store.log.queue_stats(&queue("q"), at(0)).await.unwrap().due, 1);
    assert_eq!(ids(&lease(&*store.log, "q", 0, 99).await), ["a"]);
}

/// No note takes it away.
pub async fn a_note_is_kept_until_it_is_replaced(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    let note = Bytes::from_static(b"\x00transformed\xff");
    for kept in [Some(note), Some(Bytes::new()), None] {
        let next = NextState::Waiting { not_before: at(0), failed: 1, note: kept.clone() };
        settle(&*store.log, "q", seq, next).await;
        assert_eq!(lease(&*store.log, "q", 0, 99).await[0].note, kept);
    }
}

/// With its note, and with a count of failures that starts anew.
pub async fn a_move_takes_a_delivery_to_another_queue(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    let failed = NextState::Waiting { not_before: at(0), failed: 5, note: None };
    settle(&*store.log, "q", seq, failed).await;
    lease(&*store.log, "q", 0, 99).await;
    let note = Some(Bytes::from_static(b"[500]"));
    let next = NextState::Moved { queue: queue("r"), not_before: at(10), note: note.clone() };
    settle(&*store.log, "q", seq, next).await;
    assert_eq!(store.log.queues().await.unwrap(), [queue("r")]);
    assert_eq!(ids(&lease(&*store.log, "r", 9, 99).await), [""; 0]);
    let leased = lease(&*store.log, "r", 10, 99).await;
    assert_eq!((ids(&leased), &leased[0].note, leased[0].failed), (vec!["a"], &note, 0));
}

/// But it can be browsed and is counted.
pub async fn a_delivery_moved_to_the_end_of_time_is_never_leased(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    settle(&*store.log, "q", seq, moved("dead/q", Timestamp::MAX)).await;
    let now = Timestamp::from_millis(i64::MAX - 1);
    assert_eq!(store.log.lease(&queue("dead/q"), now, Timestamp::MAX, 9).await.unwrap().len(), 0);
    let stats = store.log.queue_stats(&queue("dead/q"), now).await.unwrap();
    assert_eq!((stats.pending, stats.due, stats.next_due), (1, 0, Some(Timestamp::MAX)));
    assert_eq!(ids(&store.log.browse(&queue("dead/q"), None, 9).await.unwrap()), ["a"]);
}

/// A dead letter is sent again.
pub async fn a_dead_letter_can_move_back(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    lease(&*store.log, "q", 0, 99).await;
    settle(&*store.log, "q", seq, moved("dead/q", Timestamp::MAX)).await;
    settle(&*store.log, "dead/q", seq, moved("q", at(0))).await;
    assert_eq!(ids(&lease(&*store.log, "q", 0, 99).await), ["a"]);
    assert_eq!(store.log.queues().await.unwrap(), [queue("q")]);
}

/// The moved one.
pub async fn a_move_onto_a_queue_that_has_the_record_leaves_one_delivery(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0).to("r", 0)]).await;
    lease(&*store.log, "r", 0, 99).await;
    settle(&*store.log, "q", seq, moved("r", at(5))).await;
    assert_eq!(store.log.queue_stats(&queue("r"), at(9)).await.unwrap().pending, 1);
    assert_eq!(ids(&lease(&*store.log, "r", 9, 99).await), ["a"]);
}

/// The first settlement holds, and the second leaves no attempt.
pub async fn settling_twice_is_harmless(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    let done = |number| attempted("q", seq, NextState::Done, number);
    store.log.settle(vec![done(1), done(2)]).await.unwrap();
    store.log.settle(vec![attempted("q", seq, waiting(0), 3)]).await.unwrap();
    store.log.settle(vec![attempted("q", seq, moved("r", at(0)), 4)]).await.unwrap();
    assert_eq!(store.log.queues().await.unwrap(), []);
    let traced = store.traces.by_id(&record("a").key.log, "a", 9).await.unwrap();
    assert_eq!(traced[0].attempts.iter().map(|(_, attempt)| attempt.number).collect::<Vec<_>>(), [1]);
}

/// Whether the record or the queue is unknown.
pub async fn settling_what_never_was_is_harmless(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    settle(&*store.log, "never", seq, moved("q", at(0))).await;
    settle(&*store.log, "q", Seq(seq.0 + 1), waiting(0)).await;
    assert_eq!(store.log.queue_stats(&queue("q"), at(0)).await.unwrap().pending, 1);
}

/// It stays purged.
pub async fn settling_what_was_purged_is_harmless(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    lease(&*store.log, "q", 0, 99).await;
    store.log.purge(&queue("q")).await.unwrap();
    settle(&*store.log, "q", seq, waiting(0)).await;
    settle(&*store.log, "q", seq, moved("r", at(0))).await;
    assert_eq!(store.log.queues().await.unwrap(), []);
}

/// A lease saves work; it is no permission.
pub async fn what_was_not_leased_can_be_settled(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b] = append(&*store.log, [record("a").to("q", 0), record("b").to("q", 0)]).await;
    settle(&*store.log, "q", a, NextState::Done).await;
    settle(&*store.log, "q", b, waiting(10)).await;
    assert_eq!(ids(&lease(&*store.log, "q", 9, 99).await), [""; 0]);
    assert_eq!(ids(&lease(&*store.log, "q", 10, 99).await), ["b"]);
}

/// Each kind.
pub async fn settlements_survive_reopening(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b, c] = append(&*store.log, ["a", "b", "c"].map(|id| record(id).to("q", 0))).await;
    let note = Some(Bytes::from_static(b"kept"));
    let waits = NextState::Waiting { not_before: at(10), failed: 2, note: note.clone() };
    let settlements = vec![
        attempted("q", a, NextState::Done, 1),
        attempted("q", b, waits, 1),
        attempted("q", c, moved("dead/q", Timestamp::MAX), 1),
    ];
    store.log.settle(settlements).await.unwrap();
    let store = reopened(engine).await;
    let leased = lease(&*store.log, "q", 10, 99).await;
    assert_eq!((ids(&leased), leased[0].failed, &leased[0].note), (vec!["b"], 2, &note));
    assert_eq!(ids(&store.log.browse(&queue("dead/q"), None, 9).await.unwrap()), ["c"]);
}
