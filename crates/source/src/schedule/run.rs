//! Fires what is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kulkul_bus::{AcceptError, BusError, Hub};
use kulkul_delivery::Clock;
use kulkul_model::{BusName, Timestamp};
use kulkul_schedule::{LATE_MAX, Timetable};
use kulkul_store::{Metadata, StoreError};
use tokio_util::sync::CancellationToken;

use super::event::{event_of, id_of};
use super::{ScheduleSettings, mark};
use crate::{RegisteredSource, SourceKind, SourceName, Sources};

/// The longest sleep: the clock of the machine may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How long to wait before a store that failed is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Ticks that are fired in one commit, and a bound on what one look at the clock brings.
const BATCH: usize = 256;
/// What the events' sender is said to be.
const SENDER: &str = "127.0.0.1";

/// What the schedule sources work with.
#[derive(Clone)]
pub struct ScheduledSourcesParts {
    /// Which there are.
    pub sources: Arc<Sources>,
    /// Whose buses get the events.
    pub hub: Arc<Hub>,
    /// Where it is stored how far each has fired.
    pub metadata: Arc<dyn Metadata>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// All schedule sources of a server.
pub struct ScheduledSources {
    parts: ScheduledSourcesParts,
    timetable: Timetable<SourceName>,
    known: HashMap<SourceName, Arc<RegisteredSource>>,
    /// Nobody has fired a tick that is later than this.
    certain_after: Timestamp,
}

/// One firing.
struct Firing {
    source: Arc<RegisteredSource>,
    tick: Timestamp,
}

#[derive(Debug, thiserror::Error)]
enum FireError {
    #[error("cannot read or write how far a schedule has fired")]
    Mark(#[from] StoreError),
    #[error("cannot look for the event of a tick")]
    Search(#[from] BusError),
    #[error("cannot store the events of a schedule")]
    Accept(#[from] AcceptError),
}

impl ScheduledSources {
    /// Schedule sources that have not begun.
    pub fn new(parts: ScheduledSourcesParts) -> Self {
        let certain_after = parts.clock.now();
        Self { parts, timetable: Timetable::new(), known: HashMap::new(), certain_after }
    }

    /// Fires until it is told to stop, following the registry.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            let mut changes = self.parts.sources.changes();
            changes.mark_changed();
            loop {
                if changes.has_changed().unwrap_or(false) {
                    changes.mark_unchanged();
                    while let Err(error) = self.follow().await {
                        wait_after(&error).await;
                    }
                }
                let due = self.due();
                if !due.is_empty() {
                    while let Err(error) = self.fire(&due).await {
                        // Some of it may have been stored.
                        self.certain_after = self.parts.clock.now();
                        wait_after(&error).await;
                    }
                    continue;
                }
                let sleep =
                    self.timetable.next().map_or(SLEEP_MAX, |next| next.since(self.parts.clock.now()));
                tokio::select! {
                    _ = changes.changed() => changes.mark_changed(),
                    () = tokio::time::sleep(sleep.min(SLEEP_MAX)) => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    }

    /// Takes over what the registry has.
    async fn follow(&mut self) -> Result<(), FireError> {
        let mut wanted: HashMap<SourceName, Arc<RegisteredSource>> = HashMap::new();
        for source in self.parts.sources.registered(None, "") {
            if settings_of(&source).is_some() {
                wanted.insert(source.name.clone(), source);
            }
        }
        let gone: Vec<SourceName> =
            self.known.keys().filter(|name| !wanted.contains_key(name)).cloned().collect();
        let may_have_orphans = !gone.is_empty() || self.known.is_empty();
        for name in gone {
            self.timetable.remove(&name);
            self.known.remove(&name);
        }
        if may_have_orphans {
            let kept = |bus: &str, name: &str| {
                let source = name.parse::<SourceName>().ok().and_then(|name| wanted.get(&name));
                source.is_some_and(|source| source.bus.as_str() == bus)
            };
            mark::prune(&*self.parts.metadata, kept).await?;
        }
        for (name, source) in wanted {
            let has_the_plan = |known: &Arc<RegisteredSource>| {
                known.created_at == source.created_at && known.bus == source.bus && known.kind == source.kind
            };
            if self.known.get(&name).is_some_and(has_the_plan) {
                // Its description may be another; what is due stays due.
                self.known.insert(name, source);
                continue;
            }
            let Some(settings) = settings_of(&source) else { continue };
            let after = match self.known.contains_key(&name) {
                true => self.begin_anew(&source).await?,
                false => self.begin(&source).await?,
            };
            self.timetable.insert(name.clone(), settings.schedule.clone(), after);
            self.known.insert(name, source);
        }
        Ok(())
    }

    /// The time from which a source that is new here fires: now, or a little earlier when it was fired before and may
    /// have missed something.
    async fn begin(&self, source: &RegisteredSource) -> Result<Timestamp, FireError> {
        let now = self.parts.clock.now();
        let mark = mark::read(&*self.parts.metadata, source).await?;
        let oldest = Timestamp::from_millis(now.as_millis() - LATE_MAX.as_millis() as i64);
        Ok(match mark {
            Some(mark) => mark.max(oldest),
            // A source that has never fired has missed nothing, unless its first tick was cut short.
            None => source.created_at.max(oldest),
        })
    }

    /// The time from which a source whose schedule was changed fires: now. What the new schedule would have fired
    /// before is nobody's plan.
    async fn begin_anew(&self, source: &RegisteredSource) -> Result<Timestamp, FireError> {
        let now = self.parts.clock.now();
        mark::write(&*self.parts.metadata, source, now).await?;
        Ok(now)
    }

    /// What is due now, at most [`BATCH`].
    fn due(&mut self) -> Vec<Firing> {
        let now = self.parts.clock.now();
        let mut due = Vec::new();
        while due.len() < BATCH
            && let Some((name, tick)) = self.timetable.due(now)
        {
            due.extend(self.known.get(&name).map(|source| Firing { source: source.clone(), tick }));
        }
        due
    }

    /// Puts the events of ticks on their buses, and then stores how far their sources have fired. Doing it again does
    /// nothing twice.
    async fn fire(&self, due: &[Firing]) -> Result<(), FireError> {
        let mut by_bus: HashMap<&BusName, Vec<&Firing>> = HashMap::new();
        for firing in due {
            let is_there = self.parts.sources.get(&firing.source.bus, &firing.source.name);
            if is_there.is_ok_and(|now| now.created_at == firing.source.created_at) {
                by_bus.entry(&firing.source.bus).or_default().push(firing);
            }
        }
        for (bus, firings) in by_bus {
            let mut drafts = Vec::with_capacity(firings.len());
            for firing in &firings {
                let settings = settings_of(&firing.source);
                if let Some(settings) = settings
                    && !self.is_known(bus, firing).await?
                {
                    drafts.push(Ok(event_of(&firing.source, settings, firing.tick)));
                }
            }
            if !drafts.is_empty() {
                match self.parts.hub.accept(bus, drafts, SENDER).await {
                    Ok(answers) => {
                        answers.iter().filter_map(|answer| answer.as_ref().err()).for_each(|error| {
                            tracing::error!(%bus, %error, "the event of a schedule is refused");
                        })
                    }
                    // A bus with sources cannot be deleted; if it is gone, so are they.
                    Err(AcceptError::UnknownBus { .. }) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            // Ticks come in order: of several of one source the last one stays.
            let through: HashMap<&SourceName, &Firing> =
                firings.iter().map(|firing| (&firing.source.name, *firing)).collect();
            for firing in through.into_values() {
                mark::write(&*self.parts.metadata, &firing.source, firing.tick).await?;
            }
        }
        Ok(())
    }

    /// Whether the event of a tick is on the bus already, by a server that ended before it could note it.
    async fn is_known(&self, bus: &BusName, firing: &Firing) -> Result<bool, FireError> {
        if firing.tick > self.certain_after {
            return Ok(false);
        }
        let (source, id) = (firing.source.name.as_str(), id_of(&firing.source, firing.tick));
        Ok(self.parts.hub.has_event(bus, source, &id).await?)
    }
}

async fn wait_after(error: &FireError) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(error = %error, cause, "schedules wait for the store");
    tokio::time::sleep(RETRY).await;
}

fn settings_of(source: &RegisteredSource) -> Option<&ScheduleSettings> {
    match &source.kind {
        SourceKind::Schedule(settings) => Some(settings),
        SourceKind::Custom | SourceKind::Queue(_) | SourceKind::Webhook(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use kulkul_bus::{HubOptions, HubParts};
    use kulkul_delivery::{Dispatcher, DispatcherOptions};
    use kulkul_model::Identity;
    use kulkul_store_sqlite::{Options, SqliteStore};

    use super::*;
    use crate::{NewSource, SourceUpdate, SourcesParts};

    /// A clock that stands still until it is told to go on.
    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[tokio::test]
    async fn only_a_change_of_the_plan_drops_what_is_due() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("data"), Options::default()).unwrap();
        // 100 ms before the beginning of a minute.
        let clock = Arc::new(SetClock(AtomicI64::new(1_700_000_040_000 - 100)));
        let options = DispatcherOptions::default();
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await.unwrap();
        let identity =
            Identity { account: "1234567890123456".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let hub = Hub::open(HubParts {
            identity,
            metadata: store.metadata(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            clock: clock.clone(),
            options: HubOptions::default(),
        })
        .await
        .unwrap();
        let (metadata, directory) = (store.metadata(), directory.path().join("catalog"));
        let parts = SourcesParts { metadata, hub: hub.clone(), clock: clock.clone(), directory };
        let sources = Sources::open(parts).await.unwrap();
        let (bus, name): (_, SourceName) = (BusName::default_bus(), "minutely".parse().unwrap());
        let kind =
            |expression| SourceKind::Schedule(ScheduleSettings::parse(expression, None, None).unwrap());
        let new =
            NewSource { bus: bus.clone(), name: name.clone(), description: None, kind: kind("0 * * * * *") };
        sources.create(new).await.unwrap();
        let parts = ScheduledSourcesParts {
            sources: sources.clone(),
            hub,
            metadata: store.metadata(),
            clock: clock.clone(),
        };
        let mut scheduled = ScheduledSources::new(parts);
        scheduled.follow().await.unwrap();

        // The minute begins, and before its tick is fired, the source is changed.
        clock.0.fetch_add(200, Ordering::SeqCst);
        let described = SourceUpdate { description: Some("each minute".into()), kind: None };
        sources.update(&bus, &name, described).await.unwrap();
        scheduled.follow().await.unwrap();
        let due = scheduled.due();
        assert_eq!(due.iter().map(|firing| firing.tick.as_millis()).collect::<Vec<_>>(), [1_700_000_040_000]);
        assert_eq!(due[0].source.description.as_deref(), Some("each minute"));

        clock.0.fetch_add(60_000, Ordering::SeqCst);
        let replanned = SourceUpdate { description: None, kind: Some(kind("0 0 * * * *")) };
        sources.update(&bus, &name, replanned).await.unwrap();
        scheduled.follow().await.unwrap();
        assert!(scheduled.due().is_empty());
        dispatcher.shut_down(Duration::from_secs(10)).await;
    }
}
