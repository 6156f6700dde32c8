//! What jobs that share a commit do to each other.

use std::pin::pin;
use std::task::{Context, Waker};

use super::*;
use crate::database::{self, Kind, Limits};

const KIND: Kind = Kind {
    file_name: "test.db",
    application_id: 1,
    schema: &["CREATE TABLE thing (name TEXT PRIMARY KEY);"],
};

/// Remembers names as they are staged, committed and undone.
#[derive(Clone, Default)]
struct Staged(Arc<Mutex<(Vec<&'static str>, Vec<&'static str>)>>);

impl Ledger for Staged {
    type Mark = usize;

    fn mark(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }

    fn rewind(&mut self, mark: usize) {
        self.0.lock().unwrap().0.truncate(mark);
    }

    fn before_commit(&mut self, _: &Connection) -> Result<(), StoreError> {
        Ok(())
    }

    fn committed(&mut self) {
        let (staged, committed) = &mut *self.0.lock().unwrap();
        committed.append(staged);
    }

    fn discarded(&mut self) {
        self.rewind(0);
    }
}

struct Fixture {
    writer: Writer<Staged>,
    staged: Staged,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let conn = database::open_writer(dir.path(), &KIND, Limits::default()).unwrap();
        let staged = Staged::default();
        let writer = Writer::start("test", conn, staged.clone(), Checkpointer::default()).unwrap();
        Self { writer, staged, dir }
    }

    /// Holds the writer until the returned sender is dropped, so that what comes meanwhile shares a commit.
    fn hold(&self) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel::<()>();
        let mut job = pin!(self.writer.run(Weight::SMALL, move |_, _| {
            drop(begin);
            held.recv().expect_err("the sender is dropped");
            Ok(())
        }));
        assert!(job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        begun.recv().expect_err("the job has begun");
        release
    }

    fn stored(&self) -> Vec<String> {
        let conn = Connection::open(self.dir.path().join(KIND.file_name)).unwrap();
        let mut select = conn.prepare("SELECT name FROM thing ORDER BY name").unwrap();
        let names = select.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    fn committed(&self) -> Vec<&'static str> {
        self.staged.0.lock().unwrap().1.clone()
    }
}

fn insert(conn: &Connection, staged: &mut Staged, name: &'static str) -> Result<(), StoreError> {
    staged.0.lock().unwrap().0.push(name);
    conn.execute("INSERT INTO thing VALUES (?1)", [name]).map(drop).attempting("store a thing")
}

fn refuse(conn: &Connection, staged: &mut Staged, name: &'static str) -> Result<(), StoreError> {
    insert(conn, staged, name)?;
    Err(StoreError::NotFound { key: name.to_owned() })
}

#[tokio::test]
async fn those_who_wait_share_a_commit() {
    let f = Fixture::new();
    let release = f.hold();
    let jobs = ["a", "b", "c"].map(|name| f.writer.run(Weight::SMALL, move |c, s| insert(c, s, name)));
    let [a, b, c] = jobs;
    let (a, b, c, ()) = tokio::join!(a, b, c, async { drop(release) });
    assert_eq!([a, b, c].map(Result::unwrap), [(); 3]);
    assert_eq!(f.stored(), ["a", "b", "c"]);
    assert_eq!(f.writer.counts().commits.load(Ordering::Relaxed), 2, "one of them held the others up");
}

#[tokio::test]
async fn a_guarded_job_that_fails_is_undone_alone() {
    let f = Fixture::new();
    let release = f.hold();
    let (a, refused, failed, b, ()) = tokio::join!(
        f.writer.run(Weight::SMALL, |c, s| insert(c, s, "a")),
        f.writer.run_guarded(Weight::SMALL, |c, s| refuse(c, s, "x")),
        f.writer.run_guarded(Weight::SMALL, |c, s| {
            insert(c, s, "y")?;
            insert(c, s, "a")
        }),
        f.writer.run_guarded(Weight::SMALL, |c, s| insert(c, s, "b")),
        async { drop(release) },
    );
    assert_eq!([a, b].map(Result::unwrap), [(); 2]);
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    assert!(matches!(failed, Err(StoreError::Engine { .. })), "{failed:?}");
    assert_eq!(f.stored(), ["a", "b"]);
    assert_eq!(f.committed(), ["a", "b"]);
    assert_eq!(f.writer.poison(), None);
}

#[tokio::test]
async fn a_job_that_fails_in_the_engine_takes_its_batch_with_it_but_not_the_writer() {
    let f = Fixture::new();
    f.writer.run(Weight::SMALL, |c, s| insert(c, s, "a")).await.unwrap();
    let release = f.hold();
    let (b, failed, ()) = tokio::join!(
        f.writer.run(Weight::SMALL, |c, s| insert(c, s, "b")),
        f.writer.run(Weight::SMALL, |c, s| insert(c, s, "a")),
        async { drop(release) },
    );
    for outcome in [b, failed] {
        assert!(matches!(outcome, Err(StoreError::Engine { .. })), "{outcome:?}");
    }
    f.writer.run(Weight::SMALL, |c, s| insert(c, s, "c")).await.unwrap();
    assert_eq!(f.stored(), ["a", "c"]);
    assert_eq!(f.committed(), ["a", "c"]);
}

#[tokio::test]
async fn a_failed_commit_poisons_the_writer() {
    let f = Fixture::new();
    // The job breaks the rule that it must not end the transaction, so the commit has none to end.
    let failed =
        f.writer.run(Weight::SMALL, |c, _| c.execute_batch("ROLLBACK").attempting("break a rule")).await;
    assert!(matches!(failed, Err(StoreError::Poisoned { .. })), "{failed:?}");
    let refused = f.writer.run(Weight::SMALL, |c, s| insert(c, s, "a")).await;
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
    assert_eq!(f.stored(), [""; 0]);
    assert!(f.writer.poison().unwrap().starts_with("cannot commit: "));
}

#[tokio::test]
async fn a_panic_poisons_the_writer_and_answers_all_who_wait() {
    let f = Fixture::new();
    let release = f.hold();
    let (panicked, waiting, ()) = tokio::join!(
        f.writer.run(Weight::SMALL, |_, _| -> Result<(), StoreError> { panic!("a bug in a job") }),
        f.writer.run(Weight::SMALL, |c, s| insert(c, s, "a")),
        async { drop(release) },
    );
    for outcome in [panicked, waiting] {
        assert!(matches!(outcome, Err(StoreError::Poisoned { .. })), "{outcome:?}");
    }
    assert_eq!(f.stored(), [""; 0]);
}

#[tokio::test]
async fn who_finds_no_room_waits_and_too_many_are_refused() {
    let f = Fixture::new();
    let release = f.hold();
    let huge = || f.writer.run(Weight::of(1, usize::MAX), |_, _| Ok(()));
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(huge())).collect();
    for job in &mut waiting {
        assert!(job.as_mut().poll(&mut context).is_pending());
    }
    let refused = huge().await;
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    drop(release);
    // Those who gave up make room for others.
    waiting.truncate(2);
    for job in waiting {
        job.await.unwrap();
    }
    huge().await.unwrap();
}

#[tokio::test]
async fn a_job_that_was_given_up_after_it_was_queued_is_done() {
    let f = Fixture::new();
    let release = f.hold();
    let mut job = Box::pin(f.writer.run(Weight::SMALL, |c, s| insert(c, s, "a")));
    assert!(job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(job);
    drop(release);
    f.writer.close();
    assert_eq!(f.stored(), ["a"]);
}
