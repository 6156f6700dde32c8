//! What the dispatcher does with a target that keeps failing, on the real store and a virtual clock.

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kulkul_delivery::RetryStrategy::{Backoff, ExponentialDecay};
use kulkul_delivery::{
    CircuitState, Clock, DeadLetter, DispatcherOptions, Failure, SystemClock, TimerClock, Verdict,
};
use kulkul_model::Timestamp;
use kulkul_store::QueueId;
use support::{Bench, plan};

fn paused_clock() -> Arc<dyn Clock> {
    Arc::new(TimerClock::starting_at(Timestamp::from_millis(1_000_000)))
}

async fn bench(dir: &tempfile::TempDir, clock: Arc<dyn Clock>, queues: &[&str]) -> Bench {
    let plans = queues.iter().map(|queue| plan(queue, ExponentialDecay)).collect();
    let bench = Bench::open(dir.path(), clock, DispatcherOptions::default(), plans).await;
    bench.start();
    bench
}

/// Lets a function fail until the returned switch is set.
fn fail_until(bench: &Bench, function: &str) -> Arc<AtomicBool> {
    let well = Arc::new(AtomicBool::new(false));
    let seen = well.clone();
    bench.functions.answer(function, move |_| match seen.load(Ordering::Relaxed) {
        true => Verdict::Succeeded,
        false => Verdict::Failed,
    });
    well
}

#[tokio::test(start_paused = true)]
async fn a_target_that_keeps_failing_gets_single_probes_and_is_drained_when_it_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let clock = paused_clock();
    let bench = bench(&dir, clock.clone(), &["sick"]).await;
    let well = fail_until(&bench, "sick");
    let sick = QueueId("sick".into());
    assert!(bench.dispatcher.pause(&sick).await.unwrap());
    for number in 0..500 {
        bench.append(&format!("e{number}"), &["sick"]).await;
    }
    assert!(bench.dispatcher.resume(&sick).await.unwrap());
    // Ten failures park it; seven more attempts were under way by then, at most.
    let tried = bench.functions.wait_for("sick", 30).await;
    let gaps: Vec<u64> = tried[16..].windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect();
    for (gap, pause) in gaps.iter().zip([1, 2, 4, 8, 16, 32].into_iter().chain(std::iter::repeat(60))) {
        assert!(*gap >= pause, "single probes at growing pauses: {gaps:?}");
    }
    let state = bench.dispatcher.queue_state(&sick).unwrap();
    assert!(matches!(state.circuit.state, CircuitState::Parked { .. }), "{state:?}");
    assert!(state.ready <= 2, "what is not tried waits in the store: {state:?}");
    assert_eq!(state.last_failure.as_ref().map(|failure| failure.answer.as_str()), Some("Failed"));

    well.store(true, Ordering::Relaxed);
    let failed = bench.functions.received("sick").len();
    bench.functions.wait_for("sick", failed + 500).await;
    bench.wait_for_pending("sick", 0).await;
    let state = bench.dispatcher.queue_state(&sick).unwrap();
    assert_eq!((state.circuit.state, state.succeeded_count), (CircuitState::Closed, 500));
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn lone_deliveries_keep_their_schedule_at_a_parked_target() {
    let dir = tempfile::tempdir().unwrap();
    let bench =
        Bench::open(dir.path(), paused_clock(), DispatcherOptions::default(), vec![plan("sick", Backoff)])
            .await;
    bench.start();
    fail_until(&bench, "sick");
    for number in 0..8 {
        bench.append(&format!("e{number}"), &["sick"]).await;
        bench.functions.wait_for("sick", 4 * (number + 1)).await;
        bench.wait_for_pending("dead/sick", number as u64 + 1).await;
    }
    let received = bench.functions.received("sick");
    assert_eq!(received.len(), 8 * 4);
    for attempts in received.chunks(4) {
        for pair in attempts.windows(2) {
            let wait = pair[1].at.since(pair[0].at);
            assert!((Duration::from_secs(10)..=Duration::from_secs(20)).contains(&wait), "{wait:?}");
        }
    }
    let state = bench.dispatcher.queue_state(&QueueId("sick".into())).unwrap();
    assert!(matches!(state.circuit.state, CircuitState::Parked { .. }), "{state:?}");
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn resuming_a_parked_target_probes_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = paused_clock();
    let bench = bench(&dir, clock.clone(), &["sick"]).await;
    let well = fail_until(&bench, "sick");
    for number in 0..100 {
        bench.append(&format!("e{number}"), &["sick"]).await;
    }
    let failed = bench.functions.wait_for("sick", 25).await.len();
    well.store(true, Ordering::Relaxed);
    let now = clock.now();
    assert!(bench.dispatcher.resume(&QueueId("sick".into())).await.unwrap());
    let received = bench.functions.wait_for("sick", failed + 100).await;
    assert_eq!(received[failed].at, now);
    bench.close().await;
}

#[tokio::test]
async fn a_parked_target_takes_no_memory_from_others() {
    let dir = tempfile::tempdir().unwrap();
    let options = DispatcherOptions { ready_bytes_max: 64 << 10, ..DispatcherOptions::default() };
    let plans = ["sick", "fine"].map(|queue| plan(queue, ExponentialDecay));
    let bench = Bench::open(dir.path(), Arc::new(SystemClock), options, plans.into()).await;
    bench.start();
    fail_until(&bench, "sick");
    for number in 0..400 {
        bench.append(&format!("e{number}"), &["sick", "fine"]).await;
    }
    let fine = bench.functions.wait_for("fine", 400).await;
    assert_eq!(fine.len(), 400);
    let sick = QueueId("sick".into());
    while bench.dispatcher.queue_state(&sick).unwrap().ready > 2 {
        tokio::task::yield_now().await;
    }
    bench.close().await;
}

/// The dead letters, as soon as there are so many. The virtual clock goes on meanwhile, also while the store works: so
/// nothing is said here of how much of its time this takes.
async fn wait_for_letters(bench: &Bench, count: usize) -> Vec<DeadLetter> {
    loop {
        let letters = bench.dispatcher.dead_letters(&Default::default(), None, 1000).await.unwrap().letters;
        if letters.len() >= count {
            return letters;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

const HELD_UP: &str = "parked, after Failed";

#[tokio::test(start_paused = true)]
async fn the_last_ones_at_a_parked_target_are_given_up_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = DispatcherOptions { held_up_max: Duration::from_secs(20), ..DispatcherOptions::default() };
    let bench = Bench::open(dir.path(), paused_clock(), options, vec![plan("dead", Backoff)]).await;
    bench.start();
    fail_until(&bench, "dead");
    for number in 0..20 {
        bench.append(&format!("e{number}"), &["dead"]).await;
    }
    let letters = wait_for_letters(&bench, 20).await;
    // All of them are in memory. With a probe for each of them it would be four attempts for each.
    let attempts = bench.functions.received("dead").len();
    assert!(attempts < 20 * 4, "{attempts} attempts");
    let failures: Vec<&Failure> = letters.iter().filter_map(|letter| letter.failure.as_ref()).collect();
    let held_up = failures.iter().filter(|failure| failure.answer == HELD_UP);
    assert!(held_up.count() > 0, "{failures:?}");
    assert_eq!(bench.dispatcher.target(&QueueId("dead".into())).await.unwrap().unwrap().stats.pending, 0);
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_parked_target_holds_up_for_too_long_is_given_up() {
    const HELD_UP_MAX: Duration = Duration::from_secs(600);
    let dir = tempfile::tempdir().unwrap();
    let options = DispatcherOptions { held_up_max: HELD_UP_MAX, ..DispatcherOptions::default() };
    let clock = paused_clock();
    let bench = Bench::open(dir.path(), clock.clone(), options, vec![plan("dead", ExponentialDecay)]).await;
    bench.start();
    fail_until(&bench, "dead");
    let dead = QueueId("dead".into());
    assert!(bench.dispatcher.pause(&dead).await.unwrap());
    let start = clock.now();
    for number in 0..100 {
        bench.append(&format!("e{number}"), &["dead"]).await;
    }
    assert!(bench.dispatcher.resume(&dead).await.unwrap());
    let letters = wait_for_letters(&bench, 50).await;
    for failure in letters.iter().filter_map(|letter| letter.failure.as_ref()) {
        // Some were probes before.
        assert_eq!(failure.answer, HELD_UP);
        assert!(failure.at.since(start) > HELD_UP_MAX, "given up too early: {failure:?}");
    }
    bench.close().await;
}
