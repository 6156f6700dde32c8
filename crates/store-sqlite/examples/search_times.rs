//! Measures what one page of a search takes in a store with many records; prints a table: what was found, processor
//! time of one page and its time on the wall (median, p99) in ms, and how many pages the first 20 records take.
//!
//! `search_times DIR [RECORDS] [ROUNDS]`: DIR is created in a temporary place when it is `-`, and filled when it is
//! empty. Of each 1,000 records one matches nothing; 200 in all are dead letters, 100 are pending, the rest was
//! delivered at the first attempt.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::{
    AttemptRecord, Counted, DeliveryId, EventLog, LogName, NewRecord, NextState, Order, QueueId, RecordKey,
    Route, Seq, Settlement, Standing, TraceFilter,
};
use kulkul_store_sqlite::{Options, SqliteStore};

const BATCH: u64 = 1000;
const RULES: u64 = 20;
/// Milliseconds between two records.
const STEP: i64 = 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().filter(|dir| dir != "-").map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| std::env::temp_dir().join("search-times"));
    let records: u64 = args.next().map_or(1_000_000, |count| count.parse().unwrap());
    let rounds: usize = args.next().map_or(200, |count| count.parse().unwrap());
    let store = SqliteStore::open(&dir, Options::default()).unwrap();
    let (log, traces) = (store.event_log(), store.traces());
    if traces.count(&TraceFilter::default(), 1).await.unwrap() == 0 {
        let begun = Instant::now();
        fill(&log, records).await;
        println!("{records} records in {:.1?}", begun.elapsed());
    }
    for (name, order, after, filter) in searches(records) {
        let (mut took, mut found, mut pages) = (Vec::new(), 0, 0);
        let cpu = cpu_micros();
        for _ in 0..rounds {
            let begun = Instant::now();
            let page = traces.page(&filter, order, after, 20).await.unwrap();
            took.push(begun.elapsed());
            found = page.records.len();
        }
        let cpu = (cpu_micros() - cpu) as f64 / 1000.0 / rounds as f64;
        // How many pages a whole answer of 20 takes.
        let (mut after, mut left) = (after, 20);
        while left > 0 {
            let page = traces.page(&filter, order, after, left).await.unwrap();
            pages += 1;
            left -= page.records.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        took.sort_unstable();
        let at = |q: f64| millis(took[((took.len() - 1) as f64 * q) as usize]);
        println!("| {name} | {found} | {cpu:.1} | {:.1} | {:.1} | {pages} |", at(0.5), at(0.99),);
    }
    store.close();
}

/// What this process has used of the processors; to 10 ms.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    (fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()) * 10_000
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// What people ask, the easy and the hard.
fn searches(records: u64) -> Vec<(&'static str, Order, Option<Seq>, TraceFilter)> {
    use Order::{NewestFirst, OldestFirst};
    let bus = || TraceFilter { log: Some(LogName("bus/default".into())), ..TraceFilter::default() };
    let text = |text: &str| Some(text.to_owned());
    let middle = Timestamp::from_millis(STEP * (records as i64 / 2));
    let owed_on = |prefix: &str| Some(Standing::OwedOn(prefix.to_owned()));
    let counted = || Counted { queues: "rule/".to_owned(), dead_letters: "dead/rule/".to_owned() };
    vec![
        ("the newest", NewestFirst, None, bus()),
        ("by id, the oldest record", NewestFirst, None, TraceFilter { id: text("id-0"), ..bus() }),
        ("by id, none", NewestFirst, None, TraceFilter { id: text("never"), ..bus() }),
        ("by source, one in ten", NewestFirst, None, TraceFilter { source: text("source-3"), ..bus() }),
        ("by source, a rare one", NewestFirst, None, TraceFilter { source: text("rare"), ..bus() }),
        ("by subject, one record", NewestFirst, None, TraceFilter { subject: text("subject-77"), ..bus() }),
        (
            "by rule, one in twenty",
            NewestFirst,
            None,
            TraceFilter { queue_prefix: text("rule/default/r7/"), ..bus() },
        ),
        ("by time, in the middle", NewestFirst, None, TraceFilter { to: Some(middle), ..bus() }),
        (
            "by time, a minute in the middle",
            OldestFirst,
            None,
            TraceFilter { from: Some(middle), to: Some(middle.plus(Duration::from_secs(60))), ..bus() },
        ),
        ("dead letters", NewestFirst, None, TraceFilter { standing: owed_on("dead/"), ..bus() }),
        ("pending", NewestFirst, None, TraceFilter { standing: owed_on("rule/default/"), ..bus() }),
        (
            "pending of one rule and source",
            NewestFirst,
            None,
            TraceFilter {
                standing: owed_on("rule/default/"),
                queue_prefix: text("rule/default/r7/"),
                source: text("source-7"),
                ..bus()
            },
        ),
        (
            "delivered",
            NewestFirst,
            None,
            TraceFilter { standing: Some(Standing::Delivered(counted())), ..bus() },
        ),
        (
            "unmatched, one in a thousand",
            NewestFirst,
            None,
            TraceFilter { standing: Some(Standing::Unrouted("rule/".to_owned())), ..bus() },
        ),
        (
            "given up without a dead letter, none",
            NewestFirst,
            None,
            TraceFilter { standing: Some(Standing::Ended(counted())), ..bus() },
        ),
        ("a page in the middle", OldestFirst, Some(Seq(records / 2)), bus()),
    ]
}

async fn fill(log: &Arc<dyn EventLog>, records: u64) {
    let mut first = 0;
    while first < records {
        let numbers = first..(first + BATCH).min(records);
        let seqs = log.append(numbers.clone().map(record).collect()).await.unwrap();
        let settlements = numbers.zip(seqs).filter_map(|(number, seq)| settlement(number, seq, records));
        log.settle(settlements.collect()).await.unwrap();
        first += BATCH;
    }
}

fn record(number: u64) -> NewRecord {
    let accepted_at = Timestamp::from_millis(STEP * number as i64);
    let route = Route { queue: queue(number), not_before: accepted_at, leased_until: None };
    let source = if number == 77 { "rare".to_owned() } else { format!("source-{}", number % 10) };
    NewRecord {
        key: RecordKey {
            log: LogName("bus/default".into()),
            id: format!("id-{number}"),
            source,
            kind: format!("order:Type{}", number % 7),
            subject: format!("subject-{number}"),
        },
        trace_id: TraceId::random(),
        accepted_at,
        body: Bytes::from(vec![b'x'; 512]),
        routes: if number % 1000 == 999 { Vec::new() } else { vec![route] },
    }
}

fn queue(number: u64) -> QueueId {
    QueueId(format!("rule/default/r{}/t", number % RULES).into())
}

/// What became of a record; `None` when it is pending or was not routed.
fn settlement(number: u64, seq: Seq, records: u64) -> Option<Settlement> {
    if number % 1000 == 999 || number.is_multiple_of(records / 100) {
        return None;
    }
    let failed = (number + 3).is_multiple_of(records / 200);
    let delivery = DeliveryId { seq, queue: queue(number) };
    let next = match failed {
        true => NextState::Moved {
            queue: QueueId(format!("dead/{}", delivery.queue).into()),
            not_before: Timestamp::MAX,
            note: None,
        },
        false => NextState::Done,
    };
    let attempt = AttemptRecord {
        number: 1,
        started_at: Timestamp::from_millis(STEP * number as i64),
        elapsed_micros: 1234,
        succeeded: !failed,
        answer: "[200]Ok".to_owned(),
        invocation: None,
        log: None,
    };
    Some(Settlement { delivery, next, attempt: Some(attempt) })
}
