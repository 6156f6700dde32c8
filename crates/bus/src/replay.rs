//! Replay: past events of a bus are sent again, to the bus, to one rule or to one target.
//!
//! A replay is a document that says what to send and how far it has come. Its copies of past events are events of
//! their own: same id, source, type and data, a new trace id, and the extension attribute [`REPLAY_ATTRIBUTE`] with the
//! id of the replay. They are matched by the rules as they are now. Copies are appended first and counted
//! afterwards, so that a crash in between repeats some of them and loses none: at least once, as everywhere.
//!
//! A replay sends what had been accepted when it was created, oldest first. Copies are never copied again: replaying
//! the same hour twice sends each event twice, not three times.

mod copy;
mod document;
mod run;

pub(crate) use copy::is_copy;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kulkul_delivery::chain;
use kulkul_model::{BusName, InvalidName, RuleName, TargetId, Timestamp, TraceId};
use kulkul_store::{Key, LogName, Order, Revision, Seq, StoreError, TraceFilter};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::{BusError, ReplayError};
use crate::hub::{Bus, Hub};
use crate::rule::{Rule, RuleStatus};
use crate::search::EventQuery;

/// The extension attribute that marks a copy; its value is the id of the replay.
pub const REPLAY_ATTRIBUTE: &str = "kulkulreplay";

/// Replays under way at once.
const RUNNING_MAX: usize = 8;
/// Replays that are kept for showing once they have ended; the oldest go first.
const ENDED_MAX: usize = 500;
const KEY_PREFIX: &str = "replay/";

/// The id of a replay. Ids sort by when the replays were created.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(Arc<str>);

/// A replay to create. See [`Replay`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReplay {
    /// The bus.
    pub bus: BusName,
    /// The events.
    pub query: EventQuery,
    /// Who gets them.
    pub to: ReplayTo,
    /// How many a second at most.
    pub events_per_second: NonZeroU32,
}

/// Who gets the copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayTo {
    /// Every rule of the bus that matches.
    Bus,
    /// All targets of this rule, if it matches.
    Rule(RuleName),
    /// One target of a rule, if the rule matches.
    Target(RuleName, TargetId),
}

/// A replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The bus whose events are sent again.
    pub bus: BusName,
    /// The log of that very bus: one that gets its name later has nothing to do with the replay.
    pub(crate) log: LogName,
    /// Which of them.
    pub query: EventQuery,
    /// Who gets them.
    pub to: ReplayTo,
    /// How many copies a second are made at most.
    pub events_per_second: NonZeroU32,
    /// When it was created.
    pub created_at: Timestamp,
    /// The last place of the log that it looks at.
    pub until: Seq,
    /// How far it has come.
    pub progress: Progress,
    /// Whether it goes on.
    pub state: ReplayState,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first place that it found something at.
    pub first: Option<Seq>,
    /// Everything up to this place is done.
    pub after: Option<Seq>,
    /// Events looked at.
    pub seen_count: u64,
    /// Copies that were made of them.
    pub sent_count: u64,
    /// Events that nobody who should get them matches now.
    pub unmatched_count: u64,
    /// Events that are copies themselves.
    pub copy_count: u64,
}

/// Whether a replay goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayState {
    /// It does.
    Running,
    /// It has come to its end.
    Done {
        /// When.
        at: Timestamp,
    },
    /// Somebody stopped it.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// It cannot go on.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// All replays in memory, as the store has them.
#[derive(Default)]
pub(crate) struct Replays {
    entries: Mutex<BTreeMap<ReplayId, Entry>>,
    /// Held by whoever writes the document of a replay, from reading its state to showing the new one.
    writing: tokio::sync::Mutex<()>,
    /// There is a new one.
    created: Notify,
}

#[derive(Clone)]
struct Entry {
    replay: Replay,
    revision: Revision,
    cancel: CancellationToken,
}

/// A rule, and those of its targets that get copies.
struct Receivers {
    rule: Arc<Rule>,
    targets: Vec<TargetId>,
}

impl ReplayId {
    fn new(now: Timestamp) -> Self {
        let random = TraceId::random().as_u128() as u32;
        Self(format!("{:012x}{random:08x}", now.as_millis().max(0)).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReplayId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_valid = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_valid
            .then(|| Self(text.into()))
            .ok_or(InvalidName { what: "replay id", rule: "20 hexadecimal digits" })
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ReplayState {
    /// Its name, such as `running`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done { .. } => "done",
            Self::Cancelled { .. } => "cancelled",
            Self::Failed { .. } => "failed",
        }
    }

    /// When it ended; `None` while it is running.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Running => None,
            Self::Done { at } | Self::Cancelled { at } | Self::Failed { at, .. } => Some(*at),
        }
    }
}

impl Replay {
    /// Whether it sends the events of this bus, and not those of a deleted one of its name.
    fn is_of(&self, bus: &Bus) -> bool {
        self.log == bus.log
    }

    /// How much of the log between the first event found and the end is done, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        if matches!(self.state, ReplayState::Done { .. }) {
            return 1.0;
        }
        match (self.progress.first, self.progress.after) {
            (Some(first), Some(after)) if self.until > first => {
                (after.0.saturating_sub(first.0) as f64 / (self.until.0 - first.0) as f64).min(1.0)
            }
            _ => 0.0,
        }
    }
}

impl Hub {
    /// Creates a replay, which [`Hub::run_replays`] then runs. Durable when this returns.
    pub async fn create_replay(&self, new: NewReplay) -> Result<Replay, ReplayError> {
        self.replay_targets(&new.bus, &new.to)?;
        let log = self.existing_bus(&new.bus)?.log.clone();
        let until = self.newest_place(&log).await?;
        let _writing = self.replays.writing.lock().await;
        if self.replays.running_count() >= RUNNING_MAX {
            return Err(ReplayError::TooMany { running_max: RUNNING_MAX });
        }
        let NewReplay { bus, query, to, events_per_second } = new;
        let created_at = self.parts.clock.now();
        let (id, progress, state) = (ReplayId::new(created_at), Progress::default(), ReplayState::Running);
        let replay =
            Replay { id, bus, log, query, to, events_per_second, created_at, until, progress, state };
        let revision = self.parts.metadata.create(&key_of(&replay.id), document::write(&replay)).await?;
        self.replays.show(replay.clone(), revision);
        // First: it is there, whether old ones can be forgotten or not.
        self.replays.created.notify_one();
        if let Err(error) = self.forget_old_replays().await {
            tracing::warn!(error = %chain(&error), "replays that have ended cannot be forgotten, will try again");
        }
        Ok(replay)
    }

    /// A replay of a bus.
    pub fn get_replay(&self, bus: &BusName, id: &ReplayId) -> Result<Replay, ReplayError> {
        let bus = self.existing_bus(bus)?;
        let found = self.replays.entry(id).map(|entry| entry.replay).filter(|replay| replay.is_of(&bus));
        found.ok_or_else(|| ReplayError::Unknown { id: id.clone() })
    }

    /// The replays of a bus, newest first.
    pub fn list_replays(&self, bus: &BusName) -> Result<Vec<Replay>, ReplayError> {
        let bus = self.existing_bus(bus)?;
        let entries = self.replays.entries();
        let of_bus = entries.values().rev().map(|entry| &entry.replay).filter(|replay| replay.is_of(&bus));
        Ok(of_bus.cloned().collect())
    }

    /// Stops a replay; harmless when it has ended. Copies that were made stay.
    pub async fn cancel_replay(&self, bus: &BusName, id: &ReplayId) -> Result<Replay, ReplayError> {
        self.get_replay(bus, id)?;
        let at = self.parts.clock.now();
        let change = |replay: &mut Replay| replay.state = ReplayState::Cancelled { at };
        let cancelled = self.change_replay(id, change).await?;
        if let Some(entry) = self.replays.entry(id) {
            entry.cancel.cancel();
        }
        cancelled.map_or_else(|| self.get_replay(bus, id), Ok)
    }

    /// Reads the replays that the store has; those that were running go on.
    pub(crate) async fn restore_replays(&self) -> Result<(), StoreError> {
        for document in self.parts.metadata.documents(KEY_PREFIX).await? {
            self.replays.show(document::read(&document.key, &document.value)?, document.revision);
        }
        Ok(())
    }

    /// Changes a running replay; `None` when it has ended, and then nothing is changed.
    async fn change_replay(
        &self,
        id: &ReplayId,
        change: impl FnOnce(&mut Replay),
    ) -> Result<Option<Replay>, StoreError> {
        let _writing = self.replays.writing.lock().await;
        let Some(Entry { mut replay, revision, .. }) = self.replays.entry(id) else { return Ok(None) };
        if replay.state != ReplayState::Running {
            return Ok(None);
        }
        change(&mut replay);
        let written = document::write(&replay);
        let revision = self.parts.metadata.replace(&key_of(id), revision, written).await?;
        self.replays.show(replay.clone(), revision);
        Ok(Some(replay))
    }

    async fn forget_old_replays(&self) -> Result<(), StoreError> {
        for id in self.replays.forgettable() {
            self.parts.metadata.delete(&key_of(&id), None).await?;
            self.replays.entries().remove(&id);
        }
        Ok(())
    }

    /// Who gets the copies; `None` when it is the whole bus.
    fn replay_targets(&self, bus: &BusName, to: &ReplayTo) -> Result<Option<Receivers>, ReplayError> {
        let (name, target) = match to {
            ReplayTo::Bus => return Ok(self.existing_bus(bus).map(|_| None)?),
            ReplayTo::Rule(name) => (name, None),
            ReplayTo::Target(name, target) => (name, Some(target)),
        };
        let rule = self.get_rule(bus, name)?;
        if rule.status != RuleStatus::Enabled {
            return Err(ReplayError::DisabledRule { rule: name.clone() });
        }
        let ids = rule.targets.iter().map(|known| &known.id);
        let targets: Vec<TargetId> =
            ids.filter(|id| target.is_none_or(|target| target == *id)).cloned().collect();
        match target {
            Some(id) if targets.is_empty() => {
                Err(BusError::UnknownTarget { rule: name.clone(), id: id.clone() }.into())
            }
            _ => Ok(Some(Receivers { rule, targets })),
        }
    }

    /// The last place of a log; 0 when it is empty.
    async fn newest_place(&self, log: &LogName) -> Result<Seq, ReplayError> {
        let filter = TraceFilter { log: Some(log.clone()), ..TraceFilter::default() };
        let mut after = None;
        loop {
            let page = self.parts.traces.page(&filter, Order::NewestFirst, after, 1).await?;
            match (page.records.first(), page.next) {
                (Some(found), _) => return Ok(found.record.seq),
                (None, None) => return Ok(Seq(0)),
                (None, next) => after = next,
            }
        }
    }
}

impl Replays {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<ReplayId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &ReplayId) -> Option<Entry> {
        self.entries().get(id).cloned()
    }

    fn show(&self, replay: Replay, revision: Revision) {
        let mut entries = self.entries();
        let cancel = entries.get(&replay.id).map(|entry| entry.cancel.clone()).unwrap_or_default();
        entries.insert(replay.id.clone(), Entry { replay, revision, cancel });
    }

    fn running_count(&self) -> usize {
        self.running().len()
    }

    fn running(&self) -> Vec<ReplayId> {
        let entries = self.entries();
        let running = entries.values().filter(|entry| entry.replay.state == ReplayState::Running);
        running.map(|entry| entry.replay.id.clone()).collect()
    }

    /// The oldest of those that have ended, when there are too many.
    fn forgettable(&self) -> Vec<ReplayId> {
        let entries = self.entries();
        let ended: Vec<_> =
            entries.values().filter(|entry| entry.replay.state != ReplayState::Running).collect();
        let excess = ended.len().saturating_sub(ENDED_MAX);
        ended.into_iter().take(excess).map(|entry| entry.replay.id.clone()).collect()
    }
}

fn key_of(id: &ReplayId) -> Key {
    format!("{KEY_PREFIX}{id}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = ReplayId::new(Timestamp::from_millis(1));
        let late = ReplayId::new(Timestamp::from_millis(1 << 40));
        assert!(early < late);
        assert_eq!(late.to_string().parse(), Ok(late));
        assert!("x".parse::<ReplayId>().is_err());
    }

    #[test]
    fn the_fraction_goes_from_nothing_to_all() {
        let at = |first, after, state| Replay {
            id: ReplayId::new(Timestamp::from_millis(1)),
            bus: BusName::default_bus(),
            log: LogName("bus/default".into()),
            query: EventQuery::default(),
            to: ReplayTo::Bus,
            events_per_second: NonZeroU32::MIN,
            created_at: Timestamp::from_millis(1),
            until: Seq(300),
            progress: Progress { first, after, ..Progress::default() },
            state,
        };
        assert_eq!(at(None, None, ReplayState::Running).fraction(), 0.0);
        assert_eq!(at(Some(Seq(100)), Some(Seq(200)), ReplayState::Running).fraction(), 0.5);
        assert_eq!(at(Some(Seq(100)), Some(Seq(900)), ReplayState::Running).fraction(), 1.0);
        let done = ReplayState::Done { at: Timestamp::from_millis(2) };
        assert_eq!(at(None, None, done).fraction(), 1.0);
    }
}
