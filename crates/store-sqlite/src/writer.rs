//! The thread that writes a database file: group commit.
//!
//! It takes whatever has queued, executes it in one transaction, commits once, and then answers everybody who
//! waited. Nobody is answered before the commit was synced.
//!
//! A job that refuses (a conflict, say) fails alone. A job that fails in the engine fails its whole batch, unless it
//! runs [guarded](Writer::run_guarded). A commit that fails because the disk is full is rolled back and the thread
//! goes on; any other failed commit poisons the writer: it answers [`StoreError::Poisoned`] until the file has been
//! opened anew.
//!
//! The queue is bounded by permits: one for each KiB of what waits, at least one a job. Who finds no permit waits;
//! who finds [`WAITING_MAX`] waiting already gets [`StoreError::Busy`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kulkul_store::StoreError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::checkpoint::Checkpointer;
use crate::failure::{Attempting, leaves_disk_in_doubt};

/// The jobs in one commit weigh at most this much together; see [`Weight`].
const BATCH_WEIGHT_MAX: u32 = 2048;
/// The jobs in one commit at most.
const BATCH_JOBS_MAX: usize = 1024;
/// What may be queued, in KiB.
const QUEUE_KIB_MAX: u32 = 32 * 1024;
/// How many callers may wait for room in the queue.
const WAITING_MAX: usize = 16 * 1024;
/// How long nothing must have been written before the log is checkpointed for tidiness.
const IDLE_AFTER: Duration = Duration::from_millis(200);

/// What a writer's jobs keep in memory about the file, and what they have changed but not committed yet.
pub(crate) trait Ledger: Send + 'static {
    /// A place in what has been staged, to which [`rewind`](Ledger::rewind) goes back.
    type Mark;

    /// The present place.
    fn mark(&self) -> Self::Mark;
    /// Forgets what was staged since `mark`: a guarded job was undone.
    fn rewind(&mut self, mark: Self::Mark);
    /// Called last in the transaction, before the commit.
    fn before_commit(&mut self, conn: &Connection) -> Result<(), StoreError>;
    /// The batch was committed; nobody has been told yet.
    fn committed(&mut self);
    /// The batch was rolled back.
    fn discarded(&mut self);
}

/// How heavy a job is: its payload in KiB, at least one for each row it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight(u32);

impl Weight {
    /// A job that writes a handful of small rows.
    pub(crate) const SMALL: Weight = Weight(1);

    /// Weighs a job by its rows and the bytes in them.
    pub(crate) fn of(rows: usize, bytes: usize) -> Self {
        let kib = rows.max(bytes / 1024).max(1);
        // Heavier than the queue would never find room.
        Self(u32::try_from(kib).unwrap_or(u32::MAX).min(QUEUE_KIB_MAX))
    }
}

/// What a writer has done since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicU64,
    pub(crate) jobs: AtomicU64,
    pub(crate) failed_commits: AtomicU64,
    pub(crate) checkpointed_pages: AtomicU64,
}

/// The handle of a writer thread. Dropping it closes it.
pub(crate) struct Writer<L: Ledger> {
    jobs: mpsc::Sender<Message<L>>,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    poison: OnceLock<Arc<str>>,
    closed: AtomicBool,
    counts: Counts,
}

enum Message<L> {
    Job(Box<dyn Job<L>>),
    Close,
}

trait Job<L: Ledger>: Send {
    fn weight(&self) -> Weight;
    fn guard(&self) -> Guard;
    fn execute(&mut self, conn: &Connection, ledger: &mut L) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// Whether a job may fail after it has changed something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// It refuses before it changes anything.
    None,
    /// What it changed before it failed is undone.
    Savepoint,
}

struct Task<F, T> {
    work: Option<F>,
    done: Option<T>,
    weight: Weight,
    guard: Guard,
    reply: oneshot::Sender<Result<T, StoreError>>,
    _room: OwnedSemaphorePermit,
}

impl<L: Ledger, T: Send, F> Job<L> for Task<F, T>
where
    F: FnOnce(&Connection, &mut L) -> Result<T, StoreError> + Send,
{
    fn weight(&self) -> Weight {
        self.weight
    }

    fn guard(&self) -> Guard {
        self.guard
    }

    fn execute(&mut self, conn: &Connection, ledger: &mut L) -> Result<(), StoreError> {
        let work = self.work.take().expect("a job is executed once");
        self.done = Some(work(conn, ledger)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Task { done, reply, .. } = *self;
        let answer = outcome.map(|()| done.expect("a job that went well has its result"));
        // Whoever asked may have gone: what was committed stays committed.
        drop(reply.send(answer));
    }
}

impl<L: Ledger> Writer<L> {
    /// Starts the thread `name` that owns `conn`.
    pub(crate) fn start(
        name: &str,
        conn: Connection,
        ledger: L,
        checkpointer: Checkpointer,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let thread = Thread { conn, ledger, shared: Arc::clone(&shared), checkpointer };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || thread.run(&queue))
            .attempting("start the thread that writes")?;
        Ok(Self {
            jobs,
            room: Arc::new(Semaphore::new(QUEUE_KIB_MAX as usize)),
            waiting: AtomicUsize::new(0),
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs a job that refuses, if at all, before it changes anything.
    ///
    /// Dropping the future before the job has been queued takes it back; afterwards it runs to its end unheard.
    pub(crate) async fn run<T, F>(&self, weight: Weight, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut L) -> Result<T, StoreError> + Send + 'static,
    {
        self.submit(weight, Guard::None, work).await
    }

    /// Runs a job inside a savepoint: when it fails, what it changed is undone and the rest of the batch goes on.
    pub(crate) async fn run_guarded<T, F>(&self, weight: Weight, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut L) -> Result<T, StoreError> + Send + 'static,
    {
        self.submit(weight, Guard::Savepoint, work).await
    }

    async fn submit<T, F>(&self, weight: Weight, guard: Guard, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut L) -> Result<T, StoreError> + Send + 'static,
    {
        let room = self.find_room(weight).await?;
        let (reply, answer) = oneshot::channel();
        let task = Task { work: Some(work), done: None, weight, guard, reply, _room: room };
        self.jobs.send(Message::Job(Box::new(task))).map_err(|_| self.why_gone())?;
        answer.await.map_err(|_| self.why_gone())?
    }

    async fn find_room(&self, weight: Weight) -> Result<OwnedSemaphorePermit, StoreError> {
        self.shared.check()?;
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(weight.0) {
            return Ok(room);
        }
        let _place = Place::take(&self.waiting)?;
        Arc::clone(&self.room).acquire_many_owned(weight.0).await.map_err(|_| StoreError::Closed)
    }

    /// Why the thread did not answer.
    fn why_gone(&self) -> StoreError {
        match self.shared.check() {
            Err(error) => error,
            Ok(()) => StoreError::Closed,
        }
    }

    /// Executes what has queued, checkpoints, and ends the thread. Later jobs get [`StoreError::Closed`].
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.room.close();
        drop(self.jobs.send(Message::Close));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes had panicked");
        }
    }

    /// Why it refuses writes, if it does.
    pub(crate) fn poison(&self) -> Option<Arc<str>> {
        self.shared.poison.get().cloned()
    }

    /// What it has done so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl<L: Ledger> Drop for Writer<L> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A place among those who wait for room.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, StoreError> {
        let place = Place(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX { Err(StoreError::Busy) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn check(&self) -> Result<(), StoreError> {
        if let Some(reason) = self.poison.get() {
            return Err(StoreError::Poisoned { reason: Arc::clone(reason) });
        }
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }
}

struct Thread<L: Ledger> {
    conn: Connection,
    ledger: L,
    shared: Arc<Shared>,
    checkpointer: Checkpointer,
}

/// What became of a job inside its batch.
type Executed<L> = (Box<dyn Job<L>>, Result<(), StoreError>);

/// Poisons the writer when its thread ends by a panic.
struct PanicWatch(Arc<Shared>);

impl Drop for PanicWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.poison.set("the thread that writes panicked".into()));
        }
    }
}

impl<L: Ledger> Thread<L> {
    fn run(mut self, queue: &mpsc::Receiver<Message<L>>) {
        let _watch = PanicWatch(Arc::clone(&self.shared));
        let mut closing = false;
        while !closing {
            let first = match queue.recv_timeout(IDLE_AFTER) {
                Ok(message) => message,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.checkpoint(Checkpointer::when_idle);
                    match queue.recv() {
                        Ok(message) => message,
                        Err(mpsc::RecvError) => break,
                    }
                }
            };
            let batch = Self::collect(first, queue, &mut closing);
            if !batch.is_empty() {
                self.commit(batch);
                self.checkpoint(Checkpointer::when_long);
            }
        }
        // Those who had sent their job before they could see that the writer was closing.
        while let Ok(Message::Job(job)) = queue.try_recv() {
            self.commit(vec![job]);
        }
        self.checkpoint(Checkpointer::for_good);
        if self.is_poisoned() {
            // Closing would copy the log into the file; nothing more is written to a file in doubt.
            drop(self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        }
    }

    fn collect(
        first: Message<L>,
        queue: &mpsc::Receiver<Message<L>>,
        closing: &mut bool,
    ) -> Vec<Box<dyn Job<L>>> {
        let mut batch = Vec::new();
        let mut weight = 0;
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Close => *closing = true,
                Message::Job(job) => {
                    weight += job.weight().0;
                    batch.push(job);
                }
            }
            if batch.len() < BATCH_JOBS_MAX && weight < BATCH_WEIGHT_MAX {
                next = queue.try_recv().ok();
            }
        }
        batch
    }

    fn commit(&mut self, batch: Vec<Box<dyn Job<L>>>) {
        if let Err(error) = self.shared.check_poison() {
            batch.into_iter().for_each(|job| job.answer(Err(error.clone())));
            return;
        }
        let jobs = batch.len() as u64;
        self.checkpointer.expect(batch.iter().map(|job| job.weight().0).sum());
        let mut executed = Vec::with_capacity(batch.len());
        match self.transact(batch, &mut executed) {
            Ok(()) => {
                self.ledger.committed();
                self.shared.counts.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.counts.jobs.fetch_add(jobs, Ordering::Relaxed);
                executed.into_iter().for_each(|(job, outcome)| job.answer(outcome));
            }
            Err(error) => {
                self.shared.counts.failed_commits.fetch_add(1, Ordering::Relaxed);
                self.roll_back(&error);
                self.ledger.discarded();
                executed.into_iter().for_each(|(job, _)| job.answer(Err(error.clone())));
            }
        }
    }

    /// Executes and commits a batch. All of it is in `executed` afterwards, whatever happened.
    fn transact(
        &mut self,
        batch: Vec<Box<dyn Job<L>>>,
        executed: &mut Vec<Executed<L>>,
    ) -> Result<(), StoreError> {
        let mut failed = self.statement("BEGIN IMMEDIATE", "begin a transaction").err();
        for mut job in batch {
            let outcome = match failed {
                None => self.execute(job.as_mut(), &mut failed),
                Some(_) => Ok(()),
            };
            executed.push((job, outcome));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.ledger.before_commit(&self.conn)?;
        self.statement("COMMIT", "commit").map_err(|error| match error {
            // Whatever else it is: after a failed commit nobody knows what reached the disk.
            StoreError::Engine { .. } => self.poison(&error),
            other => other,
        })
    }

    /// Executes one job. A failure that concerns the whole batch goes to `failed`.
    fn execute(&mut self, job: &mut dyn Job<L>, failed: &mut Option<StoreError>) -> Result<(), StoreError> {
        let guarded = job.guard() == Guard::Savepoint;
        let mark = self.ledger.mark();
        if guarded {
            self.statement("SAVEPOINT job", "guard a job").inspect_err(|e| *failed = Some(e.clone()))?;
        }
        let attempt = AssertUnwindSafe(|| job.execute(&self.conn, &mut self.ledger));
        // A panic says that our own logic is wrong, so nothing of the batch can be trusted, nor what is in memory.
        let outcome = catch_unwind(attempt).unwrap_or_else(|_| Err(self.poison_for("a job panicked".into())));
        let undone = match &outcome {
            Ok(()) if guarded => self.statement("RELEASE job", "end the guard of a job"),
            Ok(()) => Ok(()),
            // Some failures make SQLite roll back the whole transaction by itself.
            Err(error) if self.conn.is_autocommit() || self.is_poisoned() || leaves_disk_in_doubt(error) => {
                Err(error.clone())
            }
            Err(_) if guarded => {
                self.ledger.rewind(mark);
                self.statement("ROLLBACK TO job", "undo a job")
                    .and_then(|()| self.statement("RELEASE job", "end the guard of a job"))
            }
            Err(error @ (StoreError::Engine { .. } | StoreError::Full { .. })) => Err(error.clone()),
            Err(_refused) => Ok(()),
        };
        *failed = undone.err();
        outcome
    }

    fn roll_back(&mut self, error: &StoreError) {
        if !self.conn.is_autocommit()
            && let Err(worse) = self.statement("ROLLBACK", "roll back")
        {
            self.poison(&worse);
        }
        if leaves_disk_in_doubt(error) {
            self.poison(error);
        }
    }

    fn checkpoint(&mut self, how: fn(&mut Checkpointer, &Connection) -> Result<u64, StoreError>) {
        if self.is_poisoned() {
            return;
        }
        match how(&mut self.checkpointer, &self.conn) {
            Ok(pages) => {
                self.shared.counts.checkpointed_pages.fetch_add(pages, Ordering::Relaxed);
            }
            Err(error) if leaves_disk_in_doubt(&error) => {
                self.poison(&error);
            }
            // What is in the log is safe there; the next checkpoint tries again.
            Err(error) => tracing::warn!(error = %chain(&error), "the write-ahead log stays long"),
        }
    }

    fn is_poisoned(&self) -> bool {
        self.shared.poison.get().is_some()
    }

    fn poison(&self, error: &StoreError) -> StoreError {
        self.poison_for(chain(error).into())
    }

    fn poison_for(&self, reason: Arc<str>) -> StoreError {
        tracing::error!(error = %reason, "no more writes until the store is opened anew");
        let reason = self.shared.poison.get_or_init(|| reason);
        StoreError::Poisoned { reason: Arc::clone(reason) }
    }

    fn statement(&self, sql: &'static str, action: &'static str) -> Result<(), StoreError> {
        self.conn.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).attempting(action)
    }
}

impl Shared {
    fn check_poison(&self) -> Result<(), StoreError> {
        match self.poison.get() {
            Some(reason) => Err(StoreError::Poisoned { reason: Arc::clone(reason) }),
            None => Ok(()),
        }
    }
}

/// An error with all its causes, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

#[cfg(test)]
mod tests;
