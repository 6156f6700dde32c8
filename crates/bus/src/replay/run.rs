//! Running replays: read some, append their copies, note how far it came, wait, go on.
//!
//! The pace is one of copies. What nobody wants is passed over as fast as it can be read, and how far that came is noted
//! every second only: to pass over it again does no harm.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kulkul_delivery::chain;
use kulkul_pattern::Pattern;
use kulkul_store::{FoundRecord, NewRecord, Order, QueueId, Seq, StoreError, TracePage};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Entry, Progress, Receivers, Replay, ReplayId, ReplayState, copy};
use crate::error::{BusError, ReplayError};
use crate::hub::{Bus, Hub};
use crate::rule::queue_of;

/// Copies of one commit at most. After a crash as many may be made twice.
const BATCH_MAX: u32 = 200;
/// Events that are read at once where nobody wants them.
const READ_MAX: u32 = 500;
/// How long to read where nobody wants anything before it is noted how far that came.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// How long to wait after each read, so that one replay leaves room for others.
const REST: Duration = Duration::from_millis(1);
/// How long to wait before a store that was busy or full is asked again.
const STORE_RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Runs every replay that is not at its end, and those that are created later, until `stop` is cancelled. What was
    /// under way then goes on when this is called after a restart.
    pub async fn run_replays(self: Arc<Self>, stop: CancellationToken) {
        let (mut running, mut begun) = (JoinSet::new(), HashSet::new());
        loop {
            begun.retain(|id| self.replays.entry(id).is_some());
            for id in self.replays.running() {
                if begun.insert(id.clone()) {
                    running.spawn(self.clone().run_replay(id, stop.clone()));
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = running.join_next() => note_panic(ended),
                () = self.replays.created.notified() => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            note_panic(ended);
        }
    }

    async fn run_replay(self: Arc<Self>, id: ReplayId, stop: CancellationToken) {
        let Some(entry) = self.replays.entry(&id) else { return };
        let cancel = entry.cancel;
        let mut replay = entry.replay;
        tracing::info!(bus = %replay.bus, replay = %id, "a replay begins or goes on");
        let mut pace = Pace::new(replay.events_per_second.get());
        let is_over = || stop.is_cancelled() || cancel.is_cancelled();
        while replay.state == ReplayState::Running {
            let sent_before = replay.progress.sent_count;
            let changed = match self.replay_some(&replay, pace.batch, &is_over).await {
                Ok(step) => self.change_replay(&id, |replay| step.apply(replay)).await,
                // It is nothing about this replay, and it ends by itself.
                Err(ReplayError::Store(error)) if is_passing(&error) => Err(error),
                Err(error) => {
                    let state = self.failed(&error);
                    self.change_replay(&id, |replay| replay.state = state).await
                }
            };
            let wait = match changed {
                Ok(Some(changed)) => {
                    replay = changed;
                    pace.after(replay.progress.sent_count - sent_before)
                }
                // Somebody has cancelled it.
                Ok(None) => return,
                Err(StoreError::Closed) => return,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(replay = %id, error = %chain(&error), "a replay waits for the store");
                    STORE_RETRY
                }
                Err(error) => {
                    tracing::error!(replay = %id, error = %chain(&error), "a replay goes on after a restart only");
                    // Nor can that be stored. It is shown at least.
                    if let Some(Entry { revision, .. }) = self.replays.entry(&id) {
                        let state = self.failed(&error.into());
                        self.replays.show(Replay { state, ..replay }, revision);
                    }
                    return;
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
        let (state, Progress { seen_count, sent_count, .. }) = (replay.state.as_str(), replay.progress);
        let (bus, seen, sent) = (&replay.bus, seen_count, sent_count);
        tracing::info!(bus = %bus, replay = %id, state, seen, sent, "a replay has ended");
    }

    /// The state of a replay that cannot go on.
    fn failed(&self, error: &ReplayError) -> ReplayState {
        ReplayState::Failed { at: self.parts.clock.now(), reason: chain(error) }
    }

    /// Goes on until something was sent, at most `max` copies, the end is reached, it is time to note how far it came,
    /// or `is_over`. Copies are durable when this returns; that they were made is not.
    async fn replay_some(
        &self,
        replay: &Replay,
        max: u32,
        is_over: impl Fn() -> bool,
    ) -> Result<Step, ReplayError> {
        let noted_at = Instant::now() + NOTED_EVERY;
        let (mut progress, mut read_max) = (replay.progress, max);
        loop {
            let step = self.replay_page(replay, progress, read_max, max).await?;
            let has_sent = step.progress.sent_count > replay.progress.sent_count;
            let has_ended = step.state != ReplayState::Running;
            if has_sent || has_ended || is_over() || Instant::now() >= noted_at {
                return Ok(step);
            }
            progress = step.progress;
            read_max = (2 * read_max).min(READ_MAX);
            tokio::time::sleep(REST).await;
        }
    }

    /// Reads on after what is done, at most `read_max` events, and sends them again, at most `max`.
    ///
    /// Looks anew at who gets the copies: a rule may have been deleted or disabled since the last page.
    async fn replay_page(
        &self,
        replay: &Replay,
        progress: Progress,
        read_max: u32,
        max: u32,
    ) -> Result<Step, ReplayError> {
        let bus = self.existing_bus(&replay.bus)?;
        if !replay.is_of(&bus) {
            return Err(BusError::UnknownBus { bus: replay.bus.clone() }.into());
        }
        let receivers = self.replay_targets(&replay.bus, &replay.to)?;
        let only = match &receivers {
            None => None,
            Some(Receivers { rule, targets }) => {
                let pattern =
                    Pattern::parse(&rule.pattern, &self.parts.options.pattern).map_err(BusError::from)?;
                let queues = targets.iter().map(|target| queue_of(&rule.bus, &rule.name, target)).collect();
                Some((pattern, queues))
            }
        };
        let filter = replay.query.filter(&replay.bus, bus.log.clone());
        let after = progress.after;
        let page = self.parts.traces.page(&filter, Order::OldestFirst, after, read_max as usize).await?;
        let (step, copies) = self.copy(replay, progress, &bus, only.as_ref(), page, max as usize);
        if !copies.is_empty() {
            self.parts.dispatcher.append(copies).await?;
        }
        Ok(step)
    }

    /// Makes at most `max` copies of the events of a page.
    fn copy(
        &self,
        replay: &Replay,
        mut progress: Progress,
        bus: &Bus,
        only: Option<&(Pattern, Vec<QueueId>)>,
        page: TracePage,
        max: usize,
    ) -> (Step, Vec<NewRecord>) {
        let now = self.parts.clock.now();
        let last = page.records.last().map(|found| found.record.seq);
        let reached = page.next.or(last);
        let is_done = page.next.is_none() || reached >= Some(replay.until);
        let mut copies = Vec::new();
        for FoundRecord { record, .. } in page.records {
            if record.seq > replay.until {
                break;
            }
            if copies.len() >= max {
                // The others of this page are read again when their time has come.
                return (Step { progress, state: ReplayState::Running }, copies);
            }
            progress.first = progress.first.or(Some(record.seq));
            progress.after = Some(record.seq);
            progress.seen_count += 1;
            if copy::is_copy(&record.body) {
                progress.copy_count += 1;
                continue;
            }
            let body = copy::marked(&record.body, &replay.id);
            let matched = body.map(|body| (queues_for(bus, only, &body), body));
            match matched {
                Some((queues, body)) if !queues.is_empty() => {
                    progress.sent_count += 1;
                    copies.push(copy::record_of(&record, body, queues, now));
                }
                _ => progress.unmatched_count += 1,
            }
        }
        progress.after = reached.map(|reached: Seq| reached.min(replay.until)).or(progress.after);
        let state = if is_done { ReplayState::Done { at: now } } else { ReplayState::Running };
        (Step { progress, state }, copies)
    }
}

/// What a batch, or what was passed over, changes about a replay.
struct Step {
    progress: Progress,
    state: ReplayState,
}

impl Step {
    fn apply(self, replay: &mut Replay) {
        replay.progress = self.progress;
        replay.state = self.state;
    }
}

/// The queues that get a copy.
fn queues_for(bus: &Bus, only: Option<&(Pattern, Vec<QueueId>)>, body: &bytes::Bytes) -> Vec<QueueId> {
    match only {
        Some((pattern, queues)) if pattern.matches(body) => queues.clone(),
        Some(_) => Vec::new(),
        None => {
            let mut matched = Vec::new();
            bus.index.matching(body, &mut matched);
            matched.iter().flat_map(|rule| rule.queues.iter().cloned()).collect()
        }
    }
}

/// How many copies go in one batch, and when the next batch may go.
struct Pace {
    batch: u32,
    each: Duration,
    /// When everything sent so far would have been sent at just the right speed.
    due: Instant,
}

impl Pace {
    /// About ten batches a second.
    fn new(events_per_second: u32) -> Self {
        let batch = (events_per_second / 10).clamp(1, BATCH_MAX);
        Self { batch, each: Duration::from_secs(1) / events_per_second, due: Instant::now() }
    }

    /// How long to wait after so many copies: [`REST`] at least.
    fn after(&mut self, sent_count: u64) -> Duration {
        let now = Instant::now();
        self.due = self.due.max(now) + self.each * u32::try_from(sent_count).unwrap_or(u32::MAX);
        (self.due - now).max(REST)
    }
}

/// Whether a replay that met this goes on by itself: when the store has room again, or after the restart that closes it.
fn is_passing(error: &StoreError) -> bool {
    error.is_retryable() || matches!(error, StoreError::Closed)
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = %error, "a replay panicked; it goes on after a restart");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pace_is_kept_over_many_batches() {
        let mut pace = Pace::new(250);
        assert_eq!(pace.batch, 25);
        let begun = Instant::now();
        for _ in 0..20 {
            tokio::time::sleep(pace.after(25)).await;
        }
        assert_eq!(begun.elapsed().as_millis(), 2000, "500 at 250 a second");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_and_fast_replays_have_batches_within_bounds() {
        assert_eq!((Pace::new(1).batch, Pace::new(100_000).batch), (1, BATCH_MAX));
        assert_eq!(Pace::new(1).after(0), REST);
    }
}
