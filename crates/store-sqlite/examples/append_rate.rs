//! Measures durable appends, each settled once, for 1 to 256 producers; prints a table.
//!
//! `append_rate DIR [SECONDS]`: DIR is created in a temporary place when it is `-`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::{
    AttemptRecord, DeliveryId, EventLog, LogName, NewRecord, NextState, QueueId, RecordKey, Route, Settlement,
};
use kulkul_store_sqlite::{Options, SqliteStore};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("append-rate"), PathBuf::from);
    let secs = args.next().and_then(|s| s.parse().ok()).unwrap_or(3.0);
    let settle = args.next().is_none_or(|s| s != "append-only");
    println!("one fdatasync of 4 KiB: {:?}", fdatasync(&dir));
    let counts = args.next().map_or_else(|| vec![1, 16, 64, 256], |s| vec![s.parse().unwrap()]);
    for producers in counts {
        let dir = dir.join(producers.to_string());
        drop(std::fs::remove_dir_all(&dir));
        let opened = Instant::now();
        let store = SqliteStore::open(&dir, Options::default()).unwrap();
        let opened = opened.elapsed();
        let log = store.event_log();
        let cpu = cpu_micros();
        let end = Instant::now() + Duration::from_secs_f64(secs);
        let (acks, to_settle) = tokio::sync::mpsc::channel(100_000);
        let settler = tokio::spawn(settler(Arc::clone(&log), to_settle));
        let tasks: Vec<_> = (0..producers)
            .map(|n| tokio::spawn(produce(Arc::clone(&log), n, end, settle.then(|| acks.clone()))))
            .collect();
        drop(acks);
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.unwrap());
        }
        settler.await.unwrap();
        took.sort_unstable();
        let at = |q: f64| took[((took.len() - 1) as f64 * q) as usize];
        println!(
            "{producers:>4} producers: {:>8.0} rec/s  p50 {:>9?} p99 {:>9?} p99.9 {:>9?} max {:>9?}  open {opened:?} rss {} KiB, {:.1} us CPU/record",
            took.len() as f64 / secs,
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            rss_kib(),
            (cpu_micros() - cpu) as f64 / took.len() as f64,
        );
        store.close();
    }
}

async fn produce(
    log: Arc<dyn EventLog>,
    producer: usize,
    end: Instant,
    acks: Option<tokio::sync::mpsc::Sender<DeliveryId>>,
) -> Vec<Duration> {
    let mut took = Vec::new();
    let queue = QueueId("rule/default/orders/target".into());
    let bus = LogName("bus/default".into());
    let body = Bytes::from(vec![b'x'; 1024]);
    while Instant::now() < end {
        let now = Timestamp::now();
        let record = NewRecord {
            key: RecordKey {
                log: bus.clone(),
                id: format!("{:032x}", TraceId::random().as_u128()),
                source: format!("shop.{producer}"),
                kind: "order:Placed".to_owned(),
                subject: "acs:shop:cn-hangzhou:1234567890:orders/77".to_owned(),
            },
            trace_id: TraceId::random(),
            accepted_at: now,
            body: body.clone(),
            routes: vec![Route {
                queue: queue.clone(),
                not_before: now,
                leased_until: Some(now.plus(Duration::from_secs(60))),
            }],
        };
        let start = Instant::now();
        let seq = log.append(vec![record]).await.unwrap()[0];
        took.push(start.elapsed());
        if let Some(acks) = &acks {
            acks.send(DeliveryId { seq, queue: queue.clone() }).await.unwrap();
        }
    }
    took
}

async fn settler(log: Arc<dyn EventLog>, mut acks: tokio::sync::mpsc::Receiver<DeliveryId>) {
    let mut ids = Vec::new();
    while acks.recv_many(&mut ids, 512).await > 0 {
        let settlements = ids.drain(..).map(|delivery| Settlement {
            delivery,
            next: NextState::Done,
            attempt: Some(AttemptRecord {
                number: 1,
                started_at: Timestamp::now(),
                elapsed_micros: 1234,
                succeeded: true,
                answer: "[200]Ok".to_owned(),
                invocation: None,
                log: None,
            }),
        });
        log.settle(settlements.collect()).await.unwrap();
    }
}

fn fdatasync(dir: &std::path::Path) -> Duration {
    use std::io::{Seek, SeekFrom, Write};
    std::fs::create_dir_all(dir).unwrap();
    let mut file = std::fs::File::create(dir.join("raw")).unwrap();
    file.write_all(&vec![0; 1 << 20]).unwrap();
    file.sync_all().unwrap();
    let mut took: Vec<_> = (0..2000)
        .map(|n| {
            let start = Instant::now();
            file.seek(SeekFrom::Start((n % 256) * 4096)).unwrap();
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[1000]
}

fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    (fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()) * 10_000
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
