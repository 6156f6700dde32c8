//! The data directory: what is in it, who may use it, and which formats are read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::{
    AttemptRecord, Digest, LogName, NewRecord, NextState, QueueId, RecordKey, Route, Settlement, StoreError,
};
use kulkul_store_sqlite::{Damaged, InUse, Options, SqliteStore};

fn open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(dir, Options::default())
}

fn source<E: std::error::Error + 'static>(error: &StoreError) -> &E {
    let StoreError::Engine { source, .. } = error else { panic!("{error:?}") };
    source.downcast_ref().expect("the cause is of this kind")
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn queue(name: &str) -> QueueId {
    QueueId(name.into())
}

fn record(id: &str, routes: &[&str]) -> NewRecord {
    NewRecord {
        key: RecordKey {
            log: LogName("bus/default".into()),
            id: id.to_owned(),
            source: "shop".to_owned(),
            kind: "order:Placed".to_owned(),
            subject: String::new(),
        },
        trace_id: TraceId::from_u128(42),
        accepted_at: at(1_732_000_000_000),
        body: Bytes::from(format!(r#"{{"id":"{id}"}}"#)),
        routes: routes
            .iter()
            .map(|name| Route { queue: queue(name), not_before: at(10), leased_until: None })
            .collect(),
    }
}

#[test]
fn a_directory_in_use_is_refused_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let refused = open(dir.path()).err().expect("the directory is in use");
    let InUse(path) = source(&refused);
    assert_eq!(path, dir.path());
    first.close();
    open(dir.path()).unwrap();
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.event_log().append(vec![record("a", &[])])).unwrap();
    runtime.block_on(store.blobs().put(Bytes::from_static(b"abc"))).unwrap();
    let mut seen = 0;
    let mut dirs = vec![data];
    while let Some(dir) = dirs.pop() {
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700, "{}", dir.display());
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 6, "two databases with their logs, the lock and a blob: {seen}");
}

#[test]
fn a_file_of_another_format_is_refused_by_name_and_left_alone() {
    for (file, application) in [("events.db", 0x4b6c_4531), ("meta.db", 0x4b6c_4d31)] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap().close();
        let path = dir.path().join(file);
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", 2).unwrap();
        drop(conn);
        let before = fs::read(&path).unwrap();
        match open(dir.path()).err() {
            Some(StoreError::Format { what, found, expected }) => {
                assert_eq!((what.as_str(), found.as_str(), expected.as_str()), (file, "2", "1"));
            }
            other => panic!("{other:?}"),
        }
        assert!(fs::read(&path).unwrap() == before);

        let conn = rusqlite::Connection::open(&path).unwrap();
        let id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
        assert_eq!(id, application);
    }
}

#[test]
fn a_file_that_is_something_else_is_refused() {
    let foreign = |path: &Path| {
        rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE photo (name TEXT)").unwrap();
    };
    let text = |path: &Path| fs::write(path, "dear diary, ".repeat(1000)).unwrap();
    let makers = [foreign as fn(&Path), text];
    for (make, expected) in makers.into_iter().zip(["0 of application 0x00000000", "none that SQLite knows"])
    {
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join("events.db"));
        match open(dir.path()).err() {
            Some(StoreError::Format { what, found, .. }) => {
                assert_eq!((what.as_str(), found.as_str()), ("events.db", expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_directory_of_format_1_is_read() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1");
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    let store = open(dir.path()).unwrap();

    let log = store.event_log();
    let leased = log.lease(&queue("rule/default/orders/1"), at(20), at(99), 9).await.unwrap();
    assert_eq!(leased.iter().map(|d| (d.record.key.id.as_str(), d.failed)).collect::<Vec<_>>(), [("b", 1)]);
    assert_eq!(leased[0].note.as_deref(), Some(&b"transformed"[..]));
    let dead = log.browse(&queue("dead/rule/default/orders/1"), None, 9).await.unwrap();
    assert_eq!(dead[0].record.body, record("c", &[]).body);
    let traced = store.traces().by_id(&LogName("bus/default".into()), "a", 9).await.unwrap();
    assert_eq!(traced[0].record.accepted_at, at(1_732_000_000_000));
    assert_eq!(traced[0].attempts, [(queue("rule/default/orders/1"), attempt())]);
    // The blocks and their filters are part of the format, too.
    let old = store.traces().by_id(&LogName("bus/default".into()), "filler-17", 9).await.unwrap();
    assert_eq!(old.len(), 1);

    let metadata = store.metadata();
    assert_eq!(metadata.get(&"bus/default".into()).await.unwrap().unwrap().value, &b"{}"[..]);
    let revision = metadata.create(&"bus/new".into(), Bytes::new()).await.unwrap();
    assert!(revision.0 > 2, "two revisions were given out: {revision:?}");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse().unwrap();
    assert_eq!(store.blobs().get(&digest).await.unwrap(), &b"abc"[..]);
}

/// Writes the fixture of the test above: `KULKUL_WRITE_FIXTURE=1 cargo test … -- --ignored write_the_fixture`.
#[tokio::test]
#[ignore = "writes into the repository; only for a format that was never released"]
async fn write_the_fixture() {
    assert!(std::env::var_os("KULKUL_WRITE_FIXTURE").is_some());
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1");
    drop(fs::remove_dir_all(&fixture));
    let store = open(&fixture).unwrap();
    let log = store.event_log();
    let name = "rule/default/orders/1";
    let filler = (0..1024).map(|n| NewRecord { body: Bytes::new(), ..record(&format!("filler-{n}"), &[]) });
    log.append(filler.collect()).await.unwrap();
    let all = ["a", "b", "c"].map(|id| record(id, &[name]));
    let seqs = log.append(all.into()).await.unwrap();
    let note = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    let next = [
        NextState::Done,
        NextState::Waiting { not_before: at(20), failed: 1, note: note("transformed") },
        NextState::Moved {
            queue: queue(&format!("dead/{name}")),
            not_before: Timestamp::MAX,
            note: note("[500]"),
        },
    ];
    let settle = |(seq, next)| Settlement {
        delivery: kulkul_store::DeliveryId { seq, queue: queue(name) },
        next,
        attempt: Some(attempt()),
    };
    log.settle(seqs.into_iter().zip(next).map(settle).collect()).await.unwrap();
    let metadata = store.metadata();
    metadata.create(&"bus/default".into(), Bytes::from_static(b"{}")).await.unwrap();
    metadata.create(&"bus/gone".into(), Bytes::new()).await.unwrap();
    metadata.delete(&"bus/gone".into(), None).await.unwrap();
    store.blobs().put(Bytes::from_static(b"abc")).await.unwrap();
    store.close();
    fs::remove_file(fixture.join("lock")).unwrap();
}

fn attempt() -> AttemptRecord {
    AttemptRecord {
        number: 1,
        started_at: at(15),
        elapsed_micros: 900,
        succeeded: false,
        answer: "[500]InternalError".to_owned(),
        invocation: Some("1-64f7449a-000000000000000000000001".to_owned()),
        log: None,
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_blob_is_noticed_and_healed_by_storing_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let digest: Digest = store.blobs().put(Bytes::from_static(b"abc")).await.unwrap();
    let path = dir.path().join("blobs/ba").join(digest.to_string());
    fs::write(&path, "abd").unwrap();
    let error = store.blobs().get(&digest).await.unwrap_err();
    assert!(source::<Damaged>(&error).to_string().contains("a52d159f"), "{error:?}");
    store.blobs().put(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(store.blobs().get(&digest).await.unwrap(), &b"abc"[..]);
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_no_blob_and_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap().close();
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let unfinished = dir.path().join("blobs/unfinished");
    fs::write(unfinished.join(format!("{digest}.0")), "ab").unwrap();
    let store = open(dir.path()).unwrap();
    assert_eq!(store.blobs().list().await.unwrap(), []);
    assert_eq!(fs::read_dir(unfinished).unwrap().count(), 0);
}

#[tokio::test]
async fn a_lease_is_gone_once_the_directory_was_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.event_log().append(vec![record("a", &["q"])]).await.unwrap();
    let lease = async |store: &SqliteStore| {
        store.event_log().lease(&queue("q"), at(10), Timestamp::MAX, 9).await.unwrap().len()
    };
    assert_eq!([lease(&store).await, lease(&store).await], [1, 0]);
    store.close();
    let store = open(dir.path()).unwrap();
    assert_eq!(lease(&store).await, 1);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let (log, metadata, blobs) = (store.event_log(), store.metadata(), store.blobs());
    store.close();
    let closed = |outcome: Result<(), StoreError>| matches!(outcome, Err(StoreError::Closed));
    assert!(closed(log.append(vec![record("a", &[])]).await.map(drop)));
    assert!(closed(log.queues().await.map(drop)));
    assert!(closed(metadata.create(&"a".into(), Bytes::new()).await.map(drop)));
    assert!(closed(metadata.watch("").await.map(drop)));
    assert!(closed(blobs.list().await.map(drop)));
    store.close();
}

#[tokio::test]
async fn what_was_queued_when_the_store_closes_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let log = store.event_log();
    let mut appends: Vec<_> = (0..50).map(|n| log.append(vec![record(&n.to_string(), &["q"])])).collect();
    for append in &mut appends {
        // The first poll queues the job.
        let polled = tokio::time::timeout(Duration::ZERO, append).await;
        assert!(polled.is_err() || polled.is_ok_and(|outcome| outcome.is_ok()));
    }
    store.close();
    let store = open(dir.path()).unwrap();
    assert_eq!(store.event_log().queue_stats(&queue("q"), at(0)).await.unwrap().pending, 50);
}
