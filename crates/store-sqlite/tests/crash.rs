//! What is left when the process is killed, the disk is full, or a write fails.
//!
//! Some tests start this test program again as a child, see [`in_child`].

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::{
    DeliveryId, LogName, NewRecord, NextState, QueueId, RecordKey, Route, Seq, Settlement, StoreError,
};
use kulkul_store_sqlite::{Options, SqliteStore};

const CHILD_DIR: &str = "KULKUL_TEST_CHILD_DIR";

/// The directory to work on, when this process is the child of a test.
fn in_child() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}

/// Starts this program again, to run one test as a child on a directory.
fn start_child(test: &str, dir: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn queue() -> QueueId {
    QueueId("q".into())
}

fn record(id: &str, body_bytes: usize) -> NewRecord {
    NewRecord {
        key: RecordKey {
            log: LogName("bus/default".into()),
            id: id.to_owned(),
            source: "shop".to_owned(),
            kind: "order:Placed".to_owned(),
            subject: String::new(),
        },
        trace_id: TraceId::from_u128(1),
        accepted_at: Timestamp::from_millis(0),
        body: Bytes::from(vec![b'x'; body_bytes]),
        routes: vec![Route {
            queue: queue(),
            not_before: Timestamp::from_millis(0),
            leased_until: Some(Timestamp::MAX),
        }],
    }
}

fn done(seq: Seq) -> Settlement {
    let delivery = DeliveryId { seq, queue: queue() };
    Settlement { delivery, next: NextState::Done, attempt: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    if let Some(dir) = in_child() {
        return append_and_settle_for_ever(&dir).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut appended, mut settled) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let before = appended.len();
        let (mut child, output) = start_child("nothing_acknowledged_is_lost_by_kill_9", dir.path());
        for line in output.lines() {
            match line.unwrap().split_once(' ') {
                Some(("appended", seq)) => appended.push(Seq(seq.parse().unwrap())),
                Some(("settled", seq)) => settled.push(Seq(seq.parse().unwrap())),
                _ => {}
            }
            if appended.len() >= before + 1000 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
        for &seq in &appended[before..] {
            assert!(store.event_log().read(seq).await.unwrap().is_some(), "round {round}: {seq} is lost");
        }
        let pending = store.event_log().browse(&queue(), None, usize::MAX).await.unwrap();
        let mut pending: Vec<Seq> = pending.iter().map(|delivery| delivery.record.seq).collect();
        pending.sort();
        for seq in &settled {
            assert!(pending.binary_search(seq).is_err(), "round {round}: {seq} is owed again");
        }
    }
    let (mut places, count) = (appended.clone(), appended.len());
    places.sort();
    places.dedup();
    assert_eq!(places.len(), count, "no place was given out twice");
    assert!(settled.len() > 100, "there was something to lose: {}", settled.len());
}

/// Says what was acknowledged, after it was.
async fn append_and_settle_for_ever(dir: &Path) {
    let store = SqliteStore::open(dir, Options::default()).unwrap();
    let producers: Vec<_> = (0..16)
        .map(|producer| {
            let log = store.event_log();
            tokio::spawn(async move {
                for n in 0_u64.. {
                    let seq = log.append(vec![record(&format!("{producer}-{n}"), 900)]).await.unwrap()[0];
                    println!("appended {seq}");
                    if n % 3 == 0 {
                        log.settle(vec![done(seq)]).await.unwrap();
                        println!("settled {seq}");
                    }
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_appends_and_harms_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options { events_bytes_max: Some(1024 * 1024) };
    let store = SqliteStore::open(dir.path(), small).unwrap();
    let log = store.event_log();
    let mut seqs = Vec::new();
    let error = loop {
        match log.append(vec![record(&seqs.len().to_string(), 20_000)]).await {
            Ok(appended) => seqs.extend(appended),
            Err(error) => break error,
        }
        assert!(seqs.len() < 100, "1 MiB does not hold this");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.is_retryable());

    // Nothing of it was stored, not even of the first of two.
    let two = vec![record("small", 1), record("large", 900_000)];
    assert!(matches!(log.append(two).await, Err(StoreError::Full { .. })));
    let stats = log.queue_stats(&queue(), Timestamp::from_millis(0)).await.unwrap();
    assert_eq!((stats.pending, stats.due), (seqs.len() as u64, 0), "all that there is was born leased");
    for &seq in &seqs {
        assert_eq!(log.read(seq).await.unwrap().unwrap().body.len(), 20_000);
    }
    assert_eq!(store.health().events.poisoned, None);

    // Settling and trimming make room, and writing goes on.
    log.settle(seqs.iter().copied().map(done).collect()).await.unwrap();
    let keep = kulkul_store::Retention { age_max: std::time::Duration::ZERO, bytes_max: 0 };
    let trimmed = store.traces().trim(keep, Timestamp::from_millis(1), 1000).await.unwrap();
    assert_eq!(trimmed, seqs.len() as u64);
    let after = log.append(vec![record("after", 20_000)]).await.unwrap()[0];
    store.close();
    let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
    assert!(store.event_log().read(after).await.unwrap().is_some());
    assert!(after > *seqs.last().unwrap());
}

#[test]
fn a_write_that_fails_poisons_the_engine_until_it_is_opened_anew() {
    const TEST: &str = "a_write_that_fails_poisons_the_engine_until_it_is_opened_anew";
    if let Some(dir) = in_child() {
        return outgrow_the_file_size_limit(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut child, output) = start_child(TEST, dir.path());
    let lines: Vec<String> = output.lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{lines:#?}");
    let acknowledged = lines.iter().filter_map(|line| line.strip_prefix("appended "));
    let acknowledged: Vec<Seq> = acknowledged.map(|seq| Seq(seq.parse().unwrap())).collect();
    assert!(!acknowledged.is_empty());

    let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        for seq in acknowledged {
            assert!(store.event_log().read(seq).await.unwrap().is_some(), "{seq} is lost");
        }
        store.event_log().append(vec![record("after", 20_000)]).await.unwrap();
    });
}

/// Lets writes fail with `EFBIG`, which SQLite takes for what it is: a failed write.
fn outgrow_the_file_size_limit(dir: &Path) {
    use nix::sys::resource::{Resource, setrlimit};
    use nix::sys::signal::{SigSet, Signal};
    // Else the kernel would end the process; the threads that start from here on inherit it.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    signals.thread_block().unwrap();
    let store = Arc::new(SqliteStore::open(dir, Options::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 1024 * 1024, 1024 * 1024).unwrap();
    runtime.block_on(async {
        let log = store.event_log();
        let mut appended = Vec::new();
        let error = loop {
            match log.append(vec![record("a", 20_000)]).await {
                Ok(seqs) => appended.extend(seqs),
                Err(error) => break error,
            }
        };
        assert!(!matches!(error, StoreError::Full { .. }), "{error:?}");
        for seq in &appended {
            println!("appended {seq}");
        }
        // Also what would have found room.
        let refused = log.settle(vec![done(appended[0])]).await;
        assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
        assert!(store.health().events.poisoned.is_some());
        assert!(!store.health().takes_writes());
        // Reads go on, and the control plane is not concerned.
        assert!(log.read(appended[0]).await.unwrap().is_some());
        assert!(log.queue_stats(&queue(), Timestamp::MAX).await.unwrap().pending >= appended.len() as u64);
        store.metadata().create(&"a".into(), Bytes::new()).await.unwrap();
    });
    store.close();
}
