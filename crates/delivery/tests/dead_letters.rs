//! Dead letters and redrives, on the real store.

#[path = "support/mod.rs"]
mod support;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use kulkul_delivery::RetryStrategy::Backoff;
use kulkul_delivery::{
    BusSink, Call, DeadLetterFilter, DeadLetterId, DispatcherOptions, Outside, Probe, Redrive, RedriveError,
    RedriveOrder, RedriveState, Redrives, SinkError, SystemClock, TimerClock, Verdict,
};
use kulkul_model::BusName;
use kulkul_store::{QueueId, Record, Seq, StoreError};
use support::{Bench, log, plan};

fn queue(name: &str) -> QueueId {
    QueueId(name.into())
}

/// A bench whose functions `a` and `b` have refused so many events each.
async fn with_dead_letters(dir: &tempfile::TempDir, count: usize) -> Bench {
    let plans = ["a", "b"].map(|name| plan(name, Backoff)).into();
    let bench = Bench::open(dir.path(), Arc::new(SystemClock), DispatcherOptions::default(), plans).await;
    bench.start();
    for name in ["a", "b"] {
        bench.functions.answer(name, |_| Verdict::Impossible);
        for number in 0..count {
            bench.append(&format!("{name}{number}"), &[name]).await;
        }
        bench.wait_for_pending(&format!("dead/{name}"), count as u64).await;
    }
    bench
}

async fn ids(bench: &Bench, filter: DeadLetterFilter) -> Vec<String> {
    let page = bench.dispatcher.dead_letters(&filter, None, 1000).await.unwrap();
    assert_eq!(page.next, None);
    page.letters.iter().map(|letter| letter.record.key.id.clone()).collect()
}

async fn order(redrives: &Arc<Redrives>, to: Option<&str>, per_second: u32) -> Redrive {
    let per_second = NonZeroU32::new(per_second).unwrap();
    let order = RedriveOrder { filter: DeadLetterFilter::default(), to: to.map(queue), per_second };
    redrives.order(order).await.unwrap()
}

async fn ended(redrives: &Redrives, redrive: &Redrive) -> Redrive {
    loop {
        let now = redrives.get(&redrive.id).unwrap();
        if now.state != RedriveState::Running {
            return now;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn dead_letters_are_listed_by_target_and_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 5).await;
    let all = ids(&bench, DeadLetterFilter::default()).await;
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!((all.len(), &all), (10, &sorted));
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page =
            bench.dispatcher.dead_letters(&DeadLetterFilter::default(), after.as_ref(), 3).await.unwrap();
        assert!(page.letters.len() <= 3);
        paged.extend(page.letters.iter().map(|letter| letter.record.key.id.clone()));
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(paged, all);
    bench.close().await;
}

#[tokio::test]
async fn a_filter_finds_by_target_attribute_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 3).await;
    let of_b = DeadLetterFilter { target: Some(queue("b")), ..DeadLetterFilter::default() };
    assert_eq!(ids(&bench, of_b.clone()).await, ["b0", "b1", "b2"]);
    let prefix = DeadLetterFilter { target_prefix: Some("a".into()), ..DeadLetterFilter::default() };
    assert_eq!(ids(&bench, prefix).await, ["a0", "a1", "a2"]);
    let source = |source: &str| DeadLetterFilter { source: Some(source.into()), ..of_b.clone() };
    assert_eq!((ids(&bench, source("s")).await.len(), ids(&bench, source("x")).await.len()), (3, 0));
    let kind = DeadLetterFilter { kind: Some("x".into()), ..of_b.clone() };
    assert_eq!(ids(&bench, kind).await.len(), 0);
    let letters = bench.dispatcher.dead_letters(&of_b, None, 9).await.unwrap().letters;
    let (first, last) = (letters[0].given_up_at(), letters[2].given_up_at());
    let between = DeadLetterFilter { from: Some(first), to: Some(last), ..of_b.clone() };
    assert_eq!(ids(&bench, between).await.len(), 3);
    let later = DeadLetterFilter { from: Some(last.plus(Duration::from_millis(1))), ..of_b.clone() };
    assert_eq!(ids(&bench, later).await.len(), 0);
    let earlier = kulkul_model::Timestamp::from_millis(first.as_millis() - 1);
    let earlier = DeadLetterFilter { to: Some(earlier), ..of_b };
    assert_eq!(ids(&bench, earlier).await.len(), 0);
    bench.close().await;
}

#[tokio::test]
async fn one_dead_letter_is_shown_sent_again_and_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 2).await;
    let filter = DeadLetterFilter { target: Some(queue("a")), ..DeadLetterFilter::default() };
    let letters = bench.dispatcher.dead_letters(&filter, None, 9).await.unwrap().letters;
    let found = bench.dispatcher.dead_letter(&letters[0].id).await.unwrap().unwrap();
    assert_eq!(found.failure.as_ref().map(|failure| failure.answer.as_str()), Some("Impossible"));
    assert!(bench.dispatcher.discard(&letters[1].id).await.unwrap());
    assert!(!bench.dispatcher.discard(&letters[1].id).await.unwrap());

    bench.functions.answer("a", |_| Verdict::Succeeded);
    let sent = bench.dispatcher.send_again(&[found], None, Probe::AtOnce).await.unwrap();
    assert_eq!((sent.sent_count, sent.kept_count), (1, 0));
    bench.wait_for_pending("a", 0).await;
    assert_eq!(bench.functions.received("a").len(), 3);
    let trace = bench.traces().by_id(&log(), "a0", 1).await.unwrap();
    let numbers: Vec<u32> = trace[0].attempts.iter().map(|(_, attempt)| attempt.number).collect();
    assert_eq!(numbers, [1, 2], "the trace has the attempts before and after");
    let absent = DeadLetterId { target: queue("a"), seq: Seq(999_999) };
    assert!(bench.dispatcher.dead_letter(&absent).await.unwrap().is_none());
    bench.close().await;
}

#[tokio::test]
async fn a_redrive_sends_all_again_and_comes_to_an_end_though_they_fail_again() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 30).await;
    let redrives = Redrives::open(bench.dispatcher.clone(), bench.store.metadata()).await.unwrap();
    bench.functions.answer("b", |_| Verdict::Succeeded);
    let redrive = order(&redrives, None, 10_000).await;
    assert_eq!((redrive.state, redrive.found_count), (RedriveState::Running, 60));
    let ended = ended(&redrives, &redrives.list()[0]).await;
    assert_eq!((ended.state, ended.sent_count, ended.kept_count), (RedriveState::Done, 60, 0));
    bench.wait_for_pending("dead/a", 30).await;
    bench.wait_for_pending("dead/b", 0).await;
    bench.wait_for_pending("b", 0).await;
    redrives.shut_down().await;
    bench.close().await;
}

#[tokio::test]
async fn a_redrive_can_send_to_another_target() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 4).await;
    bench.dispatcher.unregister(&queue("a")).await.unwrap();
    bench.functions.answer("b", |_| Verdict::Succeeded);
    let redrives = Redrives::open(bench.dispatcher.clone(), bench.store.metadata()).await.unwrap();
    let own = order(&redrives, None, 1000).await;
    let own = ended(&redrives, &own).await;
    assert_eq!((own.sent_count, own.kept_count), (4, 4), "the target `a` is gone");
    let other = order(&redrives, Some("b"), 1000).await;
    let other = ended(&redrives, &other).await;
    assert_eq!((other.sent_count, other.kept_count), (4, 0));
    bench.wait_for_pending("b", 0).await;
    bench.wait_for_pending("dead/a", 0).await;
    assert_eq!(bench.functions.received("b").len(), 4 + 4 + 4);
    let refused = RedriveOrder {
        filter: DeadLetterFilter::default(),
        to: Some(queue("a")),
        per_second: NonZeroU32::MIN,
    };
    assert!(matches!(redrives.order(refused).await, Err(RedriveError::UnknownTarget { .. })));
    redrives.shut_down().await;
    bench.close().await;
}

#[tokio::test]
async fn a_redrive_goes_on_after_a_restart_and_can_be_canceled() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 20).await;
    bench.functions.answer("a", |_| Verdict::Succeeded);
    bench.functions.answer("b", |_| Verdict::Succeeded);
    let redrives = Redrives::open(bench.dispatcher.clone(), bench.store.metadata()).await.unwrap();
    let slow = order(&redrives, None, 1).await;
    while redrives.get(&slow.id).unwrap().sent_count == 0 {
        tokio::task::yield_now().await;
    }
    redrives.shut_down().await;

    let redrives = Redrives::open(bench.dispatcher.clone(), bench.store.metadata()).await.unwrap();
    let resumed = redrives.get(&slow.id).unwrap();
    assert_eq!((resumed.state.clone(), resumed.sent_count >= 1), (RedriveState::Running, true));
    while redrives.get(&slow.id).unwrap().sent_count <= resumed.sent_count {
        tokio::task::yield_now().await;
    }
    let canceled = redrives.cancel(&slow.id).await.unwrap();
    assert_eq!(canceled.state, RedriveState::Canceled);
    redrives.shut_down().await;

    let redrives = Redrives::open(bench.dispatcher.clone(), bench.store.metadata()).await.unwrap();
    assert_eq!(redrives.get(&slow.id).unwrap().state, RedriveState::Canceled);
    let left = bench.dispatcher.dead_letter_count(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(left, 40 - canceled.sent_count);
    redrives.shut_down().await;
    bench.close().await;
}

#[tokio::test]
async fn old_dead_letters_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_dead_letters(&dir, 3).await;
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(bench.dispatcher.forget_dead_letters(day, 100).await.unwrap(), 0);
    assert_eq!(bench.dispatcher.forget_dead_letters(Duration::ZERO, 4).await.unwrap(), 4);
    assert_eq!(bench.dispatcher.forget_dead_letters(Duration::ZERO, 4).await.unwrap(), 2);
    assert_eq!(ids(&bench, DeadLetterFilter::default()).await, [""; 0]);
    bench.close().await;
}

/// A bus that keeps what it is given, or refuses it.
struct Repair {
    taken: Mutex<Vec<String>>,
    well: AtomicBool,
}

impl BusSink for Repair {
    fn put<'a>(&'a self, bus: &'a BusName, record: &'a Record) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            if bus.as_str() != "repair" {
                return Err(SinkError::Missing { what: format!("event bus `{bus}`") });
            }
            if !self.well.load(Ordering::Relaxed) {
                return Err(StoreError::Closed.into());
            }
            self.taken.lock().unwrap().push(record.key.id.clone());
            Ok(())
        })
    }
}

/// A bench with a target that refuses everything and names a bus as its dead-letter queue.
async fn with_queue(dir: &tempfile::TempDir, bus: &str, repair: &Arc<Repair>) -> Bench {
    let mut sick = plan("sick", Backoff);
    sick.dead_letters = Some(Call::Bus { bus: bus.parse().unwrap() });
    let clock = Arc::new(TimerClock::starting_at(kulkul_model::Timestamp::from_millis(1_000_000)));
    let bench = Bench::open(dir.path(), clock, DispatcherOptions::default(), vec![sick]).await;
    bench.functions.answer("sick", |_| Verdict::Impossible);
    let outside = Outside { buses: Some(repair.clone()), ..Outside::new(bench.functions.clone()) };
    bench.dispatcher.start(outside);
    bench
}

fn repair(well: bool) -> Arc<Repair> {
    Arc::new(Repair { taken: Mutex::default(), well: AtomicBool::new(well) })
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_queue_gets_the_event_and_is_asked_until_it_takes_it() {
    let dir = tempfile::tempdir().unwrap();
    let repair = repair(false);
    let bench = with_queue(&dir, "repair", &repair).await;
    bench.append("e1", &["sick"]).await;
    tokio::time::sleep(Duration::from_secs(3 * 24 * 3600)).await;
    bench.wait_for_pending("dlq/sick", 1).await;
    bench.wait_for_pending("dead/sick", 0).await;
    repair.well.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(600)).await;
    bench.wait_for_pending("dlq/sick", 0).await;
    assert_eq!(*repair.taken.lock().unwrap(), ["e1"]);
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_letter_queue_cannot_take_is_kept_here() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_queue(&dir, "gone", &repair(true)).await;
    bench.append("e1", &["sick"]).await;
    bench.wait_for_pending("dead/sick", 1).await;
    let page = bench.dispatcher.dead_letters(&DeadLetterFilter::default(), None, 9).await.unwrap();
    let failure = page.letters[0].failure.clone().unwrap();
    assert_eq!((failure.queue, failure.attempt_count), (queue("sick"), 1));
    assert_eq!(failure.answer, "Impossible; the dead-letter queue: [404]there is no event bus `gone`");
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_letter_queue_is_owed_is_kept_when_its_target_goes() {
    let dir = tempfile::tempdir().unwrap();
    let bench = with_queue(&dir, "repair", &repair(false)).await;
    bench.append("e1", &["sick"]).await;
    bench.wait_for_pending("dlq/sick", 1).await;
    bench.dispatcher.unregister(&queue("sick")).await.unwrap();
    bench.wait_for_pending("dlq/sick", 0).await;
    bench.wait_for_pending("dead/sick", 1).await;
    bench.close().await;
}
