//! What the dispatcher promises, on the real store.

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kulkul_delivery::RetryStrategy::{Backoff, ExponentialDecay};
use kulkul_delivery::{
    Clock, Dispatcher, DispatcherOptions, ErrorsTolerance, Failure, Plan, SystemClock, TargetAnswer,
    TimerClock, Verdict,
};
use kulkul_model::Timestamp;
use kulkul_store::QueueId;
use support::{Bench, log, plan};

/// A clock that follows the paused timers of a test, starting at the epoch.
fn paused_clock() -> Arc<dyn Clock> {
    Arc::new(TimerClock::starting_at(Timestamp::from_millis(1_000_000)))
}

async fn bench(dir: &tempfile::TempDir, clock: Arc<dyn Clock>, plans: Vec<Plan>) -> Bench {
    let bench = Bench::open(dir.path(), clock, DispatcherOptions::default(), plans).await;
    bench.start();
    bench
}

#[tokio::test(start_paused = true)]
async fn the_ladder_of_a_day_runs_to_its_end_and_leaves_a_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(&dir, paused_clock(), vec![plan("dead", ExponentialDecay)]).await;
    bench.functions.answer("dead", |_| Verdict::Failed);
    bench.append("e1", &["dead"]).await;
    let received = bench.functions.wait_for("dead", 177).await;
    bench.wait_for_pending("dead/dead", 1).await;

    let waits: Vec<u64> = received.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect();
    let expected: Vec<u64> = (0..176u32).map(|retry| 1 << retry.min(9)).collect();
    assert_eq!(waits, expected);
    assert_eq!(received.len(), 177, "no further attempt after the last retry");
    let dead = QueueId("dead".into());
    let letters =
        bench.store.event_log().browse(&Dispatcher::dead_letters_of(&dead), None, 10).await.unwrap();
    let failure = Failure::from_note(letters[0].note.as_ref().unwrap()).unwrap();
    assert_eq!((failure.queue, failure.attempt_count, failure.answer.as_str()), (dead, 177, "Failed"));
    bench.close().await;
}

/// The answer of a target that failed, and asked to be left alone for so many seconds.
fn asking(seconds: Option<u64>) -> TargetAnswer {
    TargetAnswer {
        retry_after: seconds.map(Duration::from_secs),
        ..TargetAnswer::new(Verdict::Failed, "[429]Too Many Requests")
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_asks_for_patience_is_left_alone_for_as_long_but_never_tried_early() {
    let table = [
        // target, strategy, what it asks for after each attempt, the waits that follow
        ("longer", ExponentialDecay, [Some(7), Some(30), None], [7, 30, 4]),
        ("shorter", ExponentialDecay, [Some(0), Some(1), Some(3)], [1, 2, 4]),
        ("endless", ExponentialDecay, [Some(3600), Some(3601), Some(u64::MAX)], [3600, 3600, 3600]),
        ("backoff", Backoff, [Some(20), Some(60), Some(86_400)], [20, 60, 3600]),
    ];
    let dir = tempfile::tempdir().unwrap();
    let plans = table.iter().map(|(target, strategy, ..)| plan(target, *strategy)).collect();
    let bench = bench(&dir, paused_clock(), plans).await;
    for (target, _, asked, expected) in table {
        bench.functions.answer_in_full(target, move |call| match asked.get(call.failed as usize) {
            Some(seconds) => asking(*seconds),
            None => TargetAnswer::new(Verdict::Succeeded, "[200]OK"),
        });
        // One after the other: timers of one would move the clock while the store works for another.
        bench.append(target, &[target]).await;
        let received = bench.functions.wait_for(target, expected.len() + 1).await;
        let waits: Vec<u64> =
            received.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect();
        assert_eq!(waits, expected, "{target}");
    }
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn patience_gives_a_delivery_no_further_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(&dir, paused_clock(), vec![plan("busy", Backoff)]).await;
    bench.functions.answer_in_full("busy", |_| asking(Some(600)));
    bench.append("e1", &["busy"]).await;
    bench.functions.wait_for("busy", 4).await;
    bench.wait_for_pending("dead/busy", 1).await;
    assert_eq!(bench.functions.received("busy").len(), 4);
    bench.close().await;
}

#[tokio::test]
async fn a_dead_and_a_hanging_target_delay_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let plans = ["dead", "hangs", "fine"].map(|queue| plan(queue, ExponentialDecay));
    let bench = bench(&dir, Arc::new(SystemClock), plans.into()).await;
    bench.functions.answer("dead", |_| Verdict::Failed);
    bench.functions.hang("hangs");
    for number in 0..1000 {
        bench.append(&format!("e{number}"), &["dead", "hangs", "fine"]).await;
    }
    let fine = bench.functions.wait_for("fine", 1000).await;
    assert_eq!(fine.len(), 1000);
    assert_eq!(bench.functions.received("hangs").len(), 8, "as many as may be under way at once");
    bench.dispatcher.shut_down(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_the_retries_were() {
    let dir = tempfile::tempdir().unwrap();
    let clock = paused_clock();
    let before = bench(&dir, clock.clone(), vec![plan("flaky", Backoff)]).await;
    before.functions.answer("flaky", |_| Verdict::Failed);
    before.append("e1", &["flaky"]).await;
    before.functions.wait_for("flaky", 2).await;
    before.close().await;

    let after = bench(&dir, clock, vec![plan("flaky", Backoff)]).await;
    after.functions.answer("flaky", |_| Verdict::Failed);
    let received = after.functions.wait_for("flaky", 2).await;
    assert_eq!(received.iter().map(|call| call.failed).collect::<Vec<_>>(), [2, 3]);
    after.wait_for_pending("dead/flaky", 1).await;
    let trace = after.traces().by_id(&log(), "e1", 1).await.unwrap();
    let numbers: Vec<u32> = trace[0].attempts.iter().map(|(_, attempt)| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "attempts before and after the restart are one trace");
    after.close().await;
}

#[tokio::test]
async fn what_does_not_fit_into_memory_waits_in_the_store_and_is_delivered_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = DispatcherOptions { ready_count_max: 8, ready_bytes_max: 64 << 10, ..Default::default() };
    let bench = Bench::open(dir.path(), Arc::new(SystemClock), options, vec![plan("busy", Backoff)]).await;
    for number in 0..200 {
        bench.append(&format!("early{number}"), &["busy"]).await;
    }
    bench.start();
    for number in 0..800 {
        bench.append(&format!("late{number}"), &["busy"]).await;
    }
    let mut payloads: Vec<_> =
        bench.functions.wait_for("busy", 1000).await.into_iter().map(|call| call.payload).collect();
    bench.wait_for_pending("busy", 0).await;
    payloads.sort();
    payloads.dedup();
    assert_eq!((payloads.len(), bench.functions.received("busy").len()), (1000, 1000));
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_without_tolerance_blocks_until_it_is_unblocked_over_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let clock = paused_clock();
    let strict = || {
        let mut plan = plan("strict", Backoff);
        plan.policy.tolerance = ErrorsTolerance::None;
        plan.concurrency = std::num::NonZeroU32::new(1);
        vec![plan]
    };
    let before = bench(&dir, clock.clone(), strict()).await;
    before.functions.answer("strict", |_| Verdict::Failed);
    before.append("e1", &["strict"]).await;
    before.functions.wait_for("strict", 4).await;
    let queue = QueueId("strict".into());
    while !before.dispatcher.queue_state(&queue).unwrap().blocked {
        tokio::task::yield_now().await;
    }
    before.append("e2", &["strict"]).await;
    before.close().await;

    let after = bench(&dir, clock, strict()).await;
    assert!(after.dispatcher.queue_state(&queue).unwrap().blocked);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(after.functions.received("strict"), []);
    assert!(after.dispatcher.resume(&queue).await.unwrap());
    let received = after.functions.wait_for("strict", 2).await;
    assert_eq!(received[0].payload, r#"{"id":"e1"}"#, "the one that blocked goes first");
    assert_eq!(received[1].payload, r#"{"id":"e2"}"#);
    after.close().await;
}

#[tokio::test(start_paused = true)]
async fn finding_no_room_is_no_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(&dir, paused_clock(), vec![plan("full", Backoff)]).await;
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    bench.functions.answer("full", move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0..20 => Verdict::Throttled,
        _ => Verdict::Succeeded,
    });
    bench.append("e1", &["full"]).await;
    let received = bench.functions.wait_for("full", 21).await;
    assert!(received.iter().all(|call| call.failed == 0));
    bench.wait_for_pending("full", 0).await;
    let trace = bench.traces().by_id(&log(), "e1", 1).await.unwrap();
    assert_eq!(trace[0].attempts.len(), 1);
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_due_later_is_delivered_later() {
    let dir = tempfile::tempdir().unwrap();
    let clock = paused_clock();
    let bench = bench(&dir, clock.clone(), vec![plan("later", Backoff)]).await;
    let begun = clock.now();
    bench.append_later("e1", &["later"], Duration::from_secs(60)).await;
    let received = bench.functions.wait_for("later", 1).await;
    assert_eq!(received[0].at.since(begun), Duration::from_secs(60));
    bench.close().await;
}

#[tokio::test]
async fn a_target_that_is_taken_away_ends_what_it_was_owed() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(&dir, Arc::new(SystemClock), vec![plan("gone", ExponentialDecay)]).await;
    bench.functions.answer("gone", |_| Verdict::Failed);
    for number in 0..9 {
        bench.append(&format!("e{number}"), &["gone"]).await;
    }
    bench.functions.wait_for("gone", 9).await;
    let queue = QueueId("gone".into());
    bench.dispatcher.unregister(&queue).await.unwrap();
    assert_eq!(bench.dispatcher.queue_state(&queue), None);
    bench.wait_for_pending("gone", 0).await;
    bench.close().await;
}

#[tokio::test]
async fn what_cannot_succeed_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(&dir, Arc::new(SystemClock), vec![plan("missing", ExponentialDecay)]).await;
    bench.functions.answer("missing", |_| Verdict::Impossible);
    bench.append("e1", &["missing"]).await;
    bench.wait_for_pending("dead/missing", 1).await;
    assert_eq!(bench.functions.received("missing").len(), 1);
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_target_gets_nothing_until_it_is_resumed_over_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let clock = paused_clock();
    let quiet = QueueId("quiet".into());
    let before = bench(&dir, clock.clone(), vec![plan("quiet", Backoff)]).await;
    before.append("e1", &["quiet"]).await;
    before.functions.wait_for("quiet", 1).await;
    assert!(before.dispatcher.pause(&quiet).await.unwrap());
    before.append("e2", &["quiet"]).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let report = before.dispatcher.target(&quiet).await.unwrap().unwrap();
    assert!(report.state.paused);
    assert_eq!((report.stats.pending, report.state.ready, report.state.succeeded_count), (1, 0, 1));
    before.close().await;

    let after = bench(&dir, clock, vec![plan("quiet", Backoff)]).await;
    after.append("e3", &["quiet"]).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(after.functions.received("quiet"), []);
    assert!(after.dispatcher.resume(&quiet).await.unwrap());
    let received = after.functions.wait_for("quiet", 2).await;
    assert_eq!([&received[0].payload, &received[1].payload], [r#"{"id":"e2"}"#, r#"{"id":"e3"}"#]);
    after.wait_for_pending("quiet", 0).await;
    assert!(!after.dispatcher.pause(&QueueId("absent".into())).await.unwrap());
    after.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_in_memory_goes_back_into_the_store_when_a_target_is_paused() {
    let dir = tempfile::tempdir().unwrap();
    let mut slow = plan("slow", Backoff);
    slow.concurrency = std::num::NonZeroU32::new(1);
    let bench = bench(&dir, paused_clock(), vec![slow]).await;
    bench.functions.hang("slow");
    for number in 0..50 {
        bench.append(&format!("e{number}"), &["slow"]).await;
    }
    bench.functions.wait_for("slow", 1).await;
    let slow = QueueId("slow".into());
    assert!(bench.dispatcher.pause(&slow).await.unwrap());
    while bench.dispatcher.target(&slow).await.unwrap().unwrap().stats.due < 49 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.dispatcher.queue_state(&slow).unwrap().ready, 0);
    bench.dispatcher.shut_down(Duration::ZERO).await;
}
