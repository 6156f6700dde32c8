//! Redrives: dead letters that are sent again in bulk, at a rate, with durable progress.
//!
//! A redrive is a document in the store. Its work is done in portions: read some dead letters, owe them to a target
//! again, store how far it came. A crash in between repeats a portion: what was sent again is no dead letter any more,
//! so nothing is sent twice for it, and the number of those sent may be short by that portion. It sends what was
//! given up before it began, and so comes to an end although its deliveries fail again.

mod document;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kulkul_model::Timestamp;
use kulkul_store::{Metadata, QueueId, Revision, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{DeadLetterCursor, DeadLetterFilter, Dispatcher, Probe};

/// Redrives at work at the same time.
const RUNNING_MAX: usize = 16;
/// Redrives that are remembered after their end.
const REMEMBERED_MAX: usize = 100;
/// The largest portion.
const PORTION_MAX: u32 = 200;
/// Portions a second, when they are not the largest.
const PORTIONS_PER_SECOND: u32 = 4;
/// How long to wait before a store that was full or busy is asked again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Which redrive. Sorts by the time at which it was ordered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedriveId(Arc<str>);

/// What a redrive is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveOrder {
    /// Which dead letters.
    pub filter: DeadLetterFilter,
    /// The target that gets them; their own when absent.
    pub to: Option<QueueId>,
    /// How many a second.
    pub per_second: NonZeroU32,
}

/// A redrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// Which one.
    pub id: RedriveId,
    /// What it is to do. Its filter ends at the time at which it was ordered.
    pub order: RedriveOrder,
    /// Where it stands.
    pub state: RedriveState,
    /// How many dead letters its targets had when it was ordered, whatever else its filter asks for.
    pub found_count: u64,
    /// How many were sent again.
    pub sent_count: u64,
    /// How many stay dead letters, since their target is gone or cannot take them.
    pub kept_count: u64,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it changed last.
    pub changed_at: Timestamp,
    /// How far it has come.
    cursor: Option<DeadLetterCursor>,
}

/// Where a redrive stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedriveState {
    /// It is at work.
    Running,
    /// It has come to its end.
    Done,
    /// Somebody stopped it.
    Canceled,
    /// The store failed.
    Failed {
        /// How.
        reason: String,
    },
}

/// Why a redrive was refused.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// There is no such target.
    #[error("there is no target `{target}`")]
    UnknownTarget {
        /// The one asked for.
        target: QueueId,
    },
    /// The target takes no events.
    #[error("`{target}` takes invocations of its function only")]
    UnfitTarget {
        /// The one asked for.
        target: QueueId,
    },
    /// There are too many at work.
    #[error("there are {running_max} redrives at work already")]
    TooMany {
        /// The limit.
        running_max: usize,
    },
    /// The store failed.
    #[error("the redrive cannot be stored")]
    Store(#[from] StoreError),
}

/// All redrives. Shared as an `Arc`.
pub struct Redrives {
    dispatcher: Dispatcher,
    metadata: Arc<dyn Metadata>,
    jobs: Mutex<BTreeMap<RedriveId, Arc<Job>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A redrive as it is worked on.
struct Job {
    shown: watch::Sender<Redrive>,
    canceled: CancellationToken,
}

impl RedriveId {
    fn new(at: Timestamp) -> Self {
        let random = uuid::Uuid::new_v4().as_u128() as u32;
        Self(format!("{:012x}-{random:08x}", at.as_millis()).into())
    }
}

impl fmt::Display for RedriveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RedriveId {
    type Err = std::convert::Infallible;

    /// Any text; whether there is such a redrive is for [`Redrives::get`] to say.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

impl Redrives {
    /// Reads what was ordered, and goes on with what had not come to its end.
    pub async fn open(dispatcher: Dispatcher, metadata: Arc<dyn Metadata>) -> Result<Arc<Self>, StoreError> {
        let redrives = Arc::new(Self {
            dispatcher,
            metadata,
            jobs: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        for (redrive, revision) in document::read_all(redrives.metadata.as_ref()).await? {
            redrives.take_up(redrive, revision);
        }
        Ok(redrives)
    }

    /// Orders a redrive. It is durable when this returns, and at work.
    pub async fn order(self: &Arc<Self>, mut order: RedriveOrder) -> Result<Redrive, RedriveError> {
        if let Some(target) = &order.to {
            self.check_target(target)?;
        }
        let running = |job: &&Arc<Job>| job.shown.borrow().state == RedriveState::Running;
        if self.jobs().values().filter(running).count() >= RUNNING_MAX {
            return Err(RedriveError::TooMany { running_max: RUNNING_MAX });
        }
        let now = self.dispatcher.0.clock.now();
        order.filter.to = Some(order.filter.to.map_or(now, |to| to.min(now)));
        let redrive = Redrive {
            id: RedriveId::new(now),
            found_count: self.dispatcher.dead_letter_count(&order.filter).await?,
            order,
            state: RedriveState::Running,
            sent_count: 0,
            kept_count: 0,
            ordered_at: now,
            changed_at: now,
            cursor: None,
        };
        let revision = self.metadata.create(&document::key(&redrive.id), document::write(&redrive)).await?;
        self.take_up(redrive.clone(), revision);
        self.forget_old().await?;
        Ok(redrive)
    }

    /// A redrive.
    pub fn get(&self, id: &RedriveId) -> Option<Redrive> {
        self.jobs().get(id).map(|job| job.shown.borrow().clone())
    }

    /// All redrives that are remembered, the newest first.
    pub fn list(&self) -> Vec<Redrive> {
        self.jobs().values().rev().map(|job| job.shown.borrow().clone()).collect()
    }

    /// Stops a redrive; what was sent again stays sent. Returns it as it ended; `None` when there is none.
    pub async fn cancel(&self, id: &RedriveId) -> Option<Redrive> {
        let job = self.jobs().get(id).cloned()?;
        job.canceled.cancel();
        let mut shown = job.shown.subscribe();
        let ended = shown.wait_for(|redrive| redrive.state != RedriveState::Running);
        tokio::select! {
            // The server stops; the redrive is canceled as far as this process knows, and goes on with the next one.
            () = self.stop.cancelled() => {}
            _ = ended => {}
        }
        let redrive = job.shown.borrow().clone();
        Some(redrive)
    }

    /// Stops working. What has not come to its end goes on when the store is opened again.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn check_target(&self, target: &QueueId) -> Result<(), RedriveError> {
        match self.dispatcher.takes_events(target) {
            Some(true) => Ok(()),
            Some(false) => Err(RedriveError::UnfitTarget { target: target.clone() }),
            None => Err(RedriveError::UnknownTarget { target: target.clone() }),
        }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<RedriveId, Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a redrive, and works on it unless it has ended.
    fn take_up(self: &Arc<Self>, redrive: Redrive, revision: Revision) {
        let running = redrive.state == RedriveState::Running;
        let id = redrive.id.clone();
        let job = Arc::new(Job { shown: watch::Sender::new(redrive), canceled: CancellationToken::new() });
        self.jobs().insert(id, job.clone());
        if running {
            self.tasks.spawn(self.clone().work(job, revision));
        }
    }

    async fn work(self: Arc<Self>, job: Arc<Job>, mut revision: Revision) {
        let mut redrive = job.shown.borrow().clone();
        while redrive.state == RedriveState::Running {
            let begun = self.dispatcher.0.clock.now();
            let wait = match self.portion(&mut redrive, &job).await {
                Ok(wait) => wait,
                Err(error) if error.is_retryable() => STORE_RETRY,
                Err(error) => {
                    tracing::error!(redrive = %redrive.id, error = %error, "a redrive failed");
                    redrive.state = RedriveState::Failed { reason: error.to_string() };
                    Duration::ZERO
                }
            };
            redrive.changed_at = begun;
            match self.store(&redrive, revision).await {
                Ok(next) => revision = next,
                Err(error) => {
                    tracing::error!(redrive = %redrive.id, error = %error, "the progress of a redrive is not stored");
                    redrive.state = RedriveState::Failed { reason: error.to_string() };
                }
            }
            job.shown.send_replace(redrive.clone());
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = job.canceled.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Stores how far a redrive came, and goes on trying while the store says that it may succeed later.
    async fn store(&self, redrive: &Redrive, at: Revision) -> Result<Revision, StoreError> {
        let (key, value) = (document::key(&redrive.id), document::write(redrive));
        loop {
            match self.metadata.replace(&key, at, value.clone()).await {
                Err(error) if error.is_retryable() && !self.stop.is_cancelled() => {
                    tokio::time::sleep(STORE_RETRY).await;
                }
                result => return result,
            }
        }
    }

    /// Sends the next portion and returns how long to wait after it.
    async fn portion(&self, redrive: &mut Redrive, job: &Job) -> Result<Duration, StoreError> {
        if job.canceled.is_cancelled() {
            redrive.state = RedriveState::Canceled;
            return Ok(Duration::ZERO);
        }
        let (count, wait) = portion_of(redrive.order.per_second);
        let found =
            self.dispatcher.dead_letters(&redrive.order.filter, redrive.cursor.as_ref(), count).await?;
        // The first portion asks a parked target whether it is well; the others wait for the answer.
        let probe = if redrive.sent_count == 0 { Probe::AtOnce } else { Probe::InTurn };
        let sent = self.dispatcher.send_again(&found.letters, redrive.order.to.as_ref(), probe).await?;
        redrive.sent_count += sent.sent_count;
        redrive.kept_count += sent.kept_count;
        match found.next {
            Some(next) => redrive.cursor = Some(next),
            None => redrive.state = RedriveState::Done,
        }
        // What is only passed over costs no time.
        Ok(if sent.sent_count == 0 { Duration::ZERO } else { wait })
    }

    /// Forgets the oldest of those that have ended, when there are many.
    async fn forget_old(&self) -> Result<(), StoreError> {
        let ended: Vec<RedriveId> = {
            let jobs = self.jobs();
            let ended = jobs.iter().filter(|(_, job)| job.shown.borrow().state != RedriveState::Running);
            ended.map(|(id, _)| id.clone()).collect()
        };
        let too_many = ended.len().saturating_sub(REMEMBERED_MAX);
        for id in ended.into_iter().take(too_many) {
            self.metadata.delete(&document::key(&id), None).await?;
            self.jobs().remove(&id);
        }
        Ok(())
    }
}

/// How many to send at once, and how long to wait then.
fn portion_of(per_second: NonZeroU32) -> (usize, Duration) {
    let count = (per_second.get() / PORTIONS_PER_SECOND).clamp(1, PORTION_MAX);
    (count as usize, Duration::from_secs(u64::from(count)) / per_second.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_keep_the_rate() {
        let table =
            [(1, 1, 1000), (3, 1, 333), (8, 2, 250), (100, 25, 250), (1000, 200, 200), (100_000, 200, 2)];
        for (per_second, count, millis) in table {
            let (portion, wait) = portion_of(NonZeroU32::new(per_second).unwrap());
            assert_eq!((portion, wait.as_millis()), (count, millis), "{per_second} a second");
        }
    }
}
