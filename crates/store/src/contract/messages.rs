//! Messages: taking, exchanging and forgetting.

use bytes::Bytes;

use super::Engine;
use super::given::{append, at, ids, lease, log, queue, record, reopened};
use crate::{Delivery, DeliveryId, Exchange, Exchanged, Footing, MessageLog, Seq, Takings, Tally};

async fn take(messages: &dyn MessageLog, queues: &[&str], now: i64, until: i64, max: usize) -> Takings {
    let queues = queues.iter().map(|name| queue(name)).collect();
    messages.take(queues, at(now), at(until), max).await.expect("what is due is taken")
}

fn taken_ids(takings: &Takings) -> Vec<&str> {
    takings.taken.iter().map(|taken| taken.delivery.record.key.id.as_str()).collect()
}

fn footing(due: i64, failed: u32) -> Footing {
    Footing { due: at(due), failed }
}

fn exchange(queue_name: &str, seq: Seq, from: Footing, to: Exchanged) -> Exchange {
    Exchange { delivery: DeliveryId { seq, queue: queue(queue_name) }, from, to }
}

fn put_off(at: Footing) -> Exchanged {
    Exchanged::PutOff { at, note: None }
}

async fn exchanged<const N: usize>(messages: &dyn MessageLog, exchanges: [Exchange; N]) -> [bool; N] {
    let happened = messages.exchange(exchanges.into()).await.expect("exchanges are made");
    happened.try_into().expect("each exchange is told of")
}

/// Those of a queue that was named earlier come first, whenever they are due.
pub async fn taking_goes_by_queue_and_then_by_time(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [("a", "q", 5), ("b", "r", 1), ("c", "q", 3), ("d", "r", 0), ("e", "s", 0)];
    append(&*store.log, records.map(|(id, queue, due)| record(id).to(queue, due))).await;
    let first = take(&*store.messages, &["q", "none", "r"], 9, 99, 3).await;
    assert_eq!(taken_ids(&first), ["c", "a", "d"]);
    assert_eq!(first.taken.iter().map(|taken| taken.due).collect::<Vec<_>>(), [at(3), at(5), at(0)]);
    assert_eq!(taken_ids(&take(&*store.messages, &["q", "none", "r"], 9, 99, 3).await), ["b"]);
    assert_eq!(taken_ids(&take(&*store.messages, &[], 9, 99, 3).await), [""; 0]);
}

/// Until the lease runs out.
pub async fn what_was_taken_is_leased(engine: &dyn Engine) {
    let store = engine.open().await;
    append(&*store.log, [record("a").to("q", 0)]).await;
    assert_eq!(taken_ids(&take(&*store.messages, &["q"], 0, 10, 9).await), ["a"]);
    assert_eq!(ids(&lease(&*store.log, "q", 9, 99).await), [""; 0]);
    assert_eq!(taken_ids(&take(&*store.messages, &["q"], 9, 99, 9).await), [""; 0]);
    assert_eq!(taken_ids(&take(&*store.messages, &["q"], 10, 99, 9).await), ["a"]);
}

/// Over all queues, and what is leased does not count.
pub async fn taking_tells_when_the_next_is_due(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [("a", "q", 0), ("b", "q", 70), ("c", "r", 50), ("d", "r", 0)];
    append(&*store.log, records.map(|(id, queue, due)| record(id).to(queue, due))).await;
    let next_due = async |max, now| take(&*store.messages, &["q", "r"], now, 999, max).await.next_due;
    assert_eq!(next_due(1, 9).await, Some(at(0)), "there was more");
    assert_eq!(next_due(1, 9).await, Some(at(50)));
    assert_eq!(next_due(9, 50).await, Some(at(70)));
    assert_eq!(next_due(9, 70).await, None);
}

/// And they stand where they stood, also across reopening.
pub async fn what_is_given_back_is_free_at_once(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, _] = append(&*store.log, [record("a").to("q", 3), record("b").to("q", 4)]).await;
    take(&*store.messages, &["q"], 9, 99, 9).await;
    let never = DeliveryId { seq: a, queue: queue("none") };
    let given = vec![DeliveryId { seq: a, queue: queue("q") }, never];
    store.messages.give_back(given).await.unwrap();
    let again = take(&*store.messages, &["q"], 9, 99, 9).await;
    assert_eq!((taken_ids(&again), again.taken[0].due), (vec!["a"], at(3)));
    let store = reopened(engine).await;
    assert_eq!(taken_ids(&take(&*store.messages, &["q"], 9, 99, 9).await), ["a", "b"]);
}

/// Both parts of it. What does not fit leaves the others alone, and a note is kept until there is another.
pub async fn an_exchange_needs_the_present_footing(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b] = append(&*store.log, [record("a").to("q", 0), record("b").to("q", 0)]).await;
    take(&*store.messages, &["q"], 0, 99, 9).await;
    let note = Some(Bytes::from_static(b"kept"));
    let to = Exchanged::PutOff { at: footing(10, 0), note: note.clone() };
    let happened = exchanged(
        &*store.messages,
        [
            exchange("q", a, footing(1, 0), put_off(footing(9, 9))),
            exchange("q", a, footing(0, 1), Exchanged::Forgotten),
            exchange("q", a, footing(0, 0), to),
            exchange("q", a, footing(0, 0), put_off(footing(9, 9))),
            exchange("q", a, footing(10, 0), put_off(footing(20, 1))),
            exchange("q", b, footing(0, 0), put_off(footing(30, 0))),
            exchange("none", b, footing(0, 0), Exchanged::Forgotten),
            exchange("q", Seq(999), footing(0, 0), Exchanged::Forgotten),
        ],
    )
    .await;
    assert_eq!(happened, [false, false, true, false, true, true, false, false]);
    let store = reopened(engine).await;
    assert_eq!(taken_ids(&take(&*store.messages, &["q"], 19, 99, 9).await), [""; 0]);
    let taken = take(&*store.messages, &["q"], 20, 99, 9).await;
    let Delivery { failed, note: kept, .. } = &taken.taken[0].delivery;
    assert_eq!((taken_ids(&taken), *failed, kept, taken.next_due), (vec!["a"], 1, &note, Some(at(30))));
}

/// So only one of two who were given the same delivery keeps it.
pub async fn one_of_many_concurrent_exchanges_wins(engine: &dyn Engine) {
    let store = engine.open().await;
    let [seq] = append(&*store.log, [record("a").to("q", 0)]).await;
    let tries = (1..=20).map(|due| {
        let messages = store.messages.clone();
        tokio::spawn(async move {
            let to = put_off(footing(due, 1));
            exchanged(&*messages, [exchange("q", seq, footing(0, 0), to)]).await
        })
    });
    let mut won = 0;
    for attempt in tries.collect::<Vec<_>>() {
        let [happened] = attempt.await.expect("an exchange does not panic");
        won += usize::from(happened);
    }
    assert_eq!(won, 1);
}

/// Whatever queue it is on. Those beside it stay.
pub async fn what_is_forgotten_is_gone_from_everywhere(engine: &dyn Engine) {
    let store = engine.open().await;
    let [a, b] =
        append(&*store.log, [record("a").to("q", 0).to("r", 50), record("b").to("q", 0).to("r", 60)]).await;
    take(&*store.messages, &["q"], 0, 99, 9).await;
    let forget = exchange("q", a, footing(0, 0), Exchanged::Forgotten);
    assert_eq!(exchanged(&*store.messages, [forget.clone(), forget]).await, [true, false]);
    assert!(store.log.read(a).await.unwrap().is_none());
    assert_eq!(store.traces.by_id(&log("bus/default"), "a", 9).await.unwrap().len(), 0);
    assert_eq!(taken_ids(&take(&*store.messages, &["q", "r"], 99, 199, 9).await), ["b", "b"]);
    assert!(store.log.read(b).await.unwrap().is_some());
}

/// Nor across reopening.
pub async fn places_of_forgotten_records_are_not_given_out_again(engine: &dyn Engine) {
    let mut store = engine.open().await;
    let [mut last] = append(&*store.log, [record("a").to("q", 0)]).await;
    for reopens in [false, true, false, true] {
        let forget = exchange("q", last, footing(0, 0), Exchanged::Forgotten);
        assert_eq!(exchanged(&*store.messages, [forget]).await, [true]);
        if reopens {
            store = reopened(engine).await;
        }
        let [next] = append(&*store.log, [record("b").to("q", 0)]).await;
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}

/// More of them than fit into one block of whatever the engine groups records by.
pub async fn many_records_can_be_forgotten(engine: &dyn Engine) {
    const COUNT: usize = 2500;
    let store = engine.open().await;
    let records = (0..COUNT).map(|n| record(&format!("m{n}")).to("q", 0).to("r", 9)).collect();
    let seqs = store.log.append(records).await.unwrap();
    let forget = |&seq: &Seq| exchange("q", seq, footing(0, 0), Exchanged::Forgotten);
    let happened = store.messages.exchange(seqs[1..].iter().map(forget).collect()).await.unwrap();
    assert_eq!(happened, [true].repeat(COUNT - 1));
    let store = reopened(engine).await;
    assert_eq!(taken_ids(&take(&*store.messages, &["q", "r"], 9, 99, 9).await), ["m0", "m0"]);
    assert_eq!(store.traces.search(&Default::default(), None, 9).await.unwrap().len(), 1);
}

/// It shows what is leased, too, and changes nothing.
pub async fn a_glance_shows_what_is_due(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [("a", "q", 5), ("b", "q", 3), ("c", "r", 0), ("d", "q", 50)];
    append(&*store.log, records.map(|(id, queue, due)| record(id).to(queue, due))).await;
    take(&*store.messages, &["q"], 9, 99, 1).await;
    let glance = async |max| store.messages.glance(vec![queue("q"), queue("r")], at(9), max).await.unwrap();
    assert_eq!(ids(&glance(9).await), ["b", "a", "c"]);
    assert_eq!(ids(&glance(2).await), ["b", "a"]);
    assert_eq!(taken_ids(&take(&*store.messages, &["q", "r"], 9, 99, 9).await), ["a", "c"]);
}

/// Over all queues that are named.
pub async fn a_tally_tells_the_tried_from_the_untried(engine: &dyn Engine) {
    let store = engine.open().await;
    let records = [("a", "q", 0), ("b", "q", 50), ("c", "r", 0), ("d", "r", 60), ("e", "s", 0)];
    let [a, ..] = append(&*store.log, records.map(|(id, queue, due)| record(id).to(queue, due))).await;
    take(&*store.messages, &["r"], 9, 99, 9).await;
    exchanged(&*store.messages, [exchange("q", a, footing(0, 0), put_off(footing(10, 1)))]).await;
    let tally =
        async |now| store.messages.tally(vec![queue("q"), queue("none"), queue("r")], at(now)).await.unwrap();
    assert_eq!(tally(9).await, Tally { due: 1, untried: 2, tried: 1 });
    assert_eq!(tally(10).await, Tally { due: 2, untried: 2, tried: 0 });
    assert_eq!(tally(60).await, Tally { due: 4, untried: 0, tried: 0 });
}
