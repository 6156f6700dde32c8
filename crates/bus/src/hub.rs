//! The hub: every bus with its rules, kept in memory as the store has them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kulkul_delivery::{Call, Clock, Dispatcher, Plan, TargetConfig};
use kulkul_model::{BusName, EventLimits, Identity, RuleName, Timestamp};
use kulkul_outbound::Reach;
use kulkul_pattern::{Pattern, PatternOptions, SharedIndex};
use kulkul_store::{Document, EventLog, LogName, Metadata, QueueId, Revision, StoreError, Traces};

use crate::dedup::{DeduplicationWindow, Remembered};
use crate::document::{bus_key, read_bus, read_rule, write_bus};
use crate::error::BusError;
use crate::log_name;
use crate::replay::Replays;
use crate::rule::{Rule, RuleStatus, queue_of};

/// The limits of the hub.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// On one event.
    pub event: EventLimits,
    /// On one pattern, and how it compares numbers.
    pub pattern: PatternOptions,
    /// Targets of one rule. Source: EventBridge 2020-04-01, "Limits".
    pub target_count_max: usize,
    /// Whether operations on resources of this server are events on the bus `default`.
    pub own_events: bool,
    /// Where requests to targets may go.
    pub reach: Reach,
}

impl Default for HubOptions {
    /// The documented limits, but patterns of up to 256 Ki characters with any number of operators in a field: many
    /// prefixes and suffixes in one rule are what the cloud's limits keep people from.
    fn default() -> Self {
        let pattern =
            PatternOptions { length_max: 256 << 10, operators_max: usize::MAX, ..PatternOptions::default() };
        Self {
            event: EventLimits::default(),
            pattern,
            target_count_max: 5,
            own_events: true,
            reach: Reach::PUBLIC,
        }
    }
}

/// What a hub works with.
#[derive(Clone)]
pub struct HubParts {
    /// Whose hub it is.
    pub identity: Identity,
    /// Where buses and rules are stored.
    pub metadata: Arc<dyn Metadata>,
    /// Where events are stored; for finding queues that nobody owns.
    pub log: Arc<dyn EventLog>,
    /// Where the past is read.
    pub traces: Arc<dyn Traces>,
    /// Who delivers.
    pub dispatcher: Dispatcher,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The limits.
    pub options: HubOptions,
}

/// What the owner of a bus has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusSettings {
    /// How long an event that comes again is known; `None`: each is a new one.
    pub deduplication: Option<DeduplicationWindow>,
}

/// What is known of a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusInfo {
    /// Its name.
    pub name: BusName,
    /// What its owner says of it.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// What its owner has chosen.
    pub settings: BusSettings,
}

/// All buses of this server. Shared as an `Arc`.
pub struct Hub {
    pub(crate) parts: HubParts,
    pub(crate) buses: RwLock<HashMap<BusName, Arc<Bus>>>,
    /// Held by whoever changes a bus, rule or target, from reading the old state to showing the new one.
    pub(crate) control: tokio::sync::Mutex<()>,
    pub(crate) replays: Replays,
    pub(crate) matched_numbers: AtomicU64,
}

/// One bus in memory.
pub(crate) struct Bus {
    pub(crate) name: BusName,
    pub(crate) info: RwLock<(BusInfo, Revision)>,
    /// Its past: see [`crate::log_name`].
    pub(crate) log: LogName,
    pub(crate) rules: RwLock<BTreeMap<RuleName, ActiveRule>>,
    pub(crate) index: SharedIndex<Matched>,
    /// What it knows again, when it wants to.
    pub(crate) remembered: RwLock<Option<Arc<Remembered>>>,
}

/// A rule in memory.
#[derive(Clone)]
pub(crate) struct ActiveRule {
    pub(crate) rule: Arc<Rule>,
    pub(crate) revision: Revision,
    /// Its entry in the index while it is enabled.
    pub(crate) matched: Option<Matched>,
}

/// What matching yields: a rule's queues. Two are the same when their numbers are.
#[derive(Clone)]
pub(crate) struct Matched {
    pub(crate) number: u64,
    pub(crate) queues: Arc<[QueueId]>,
}

impl PartialEq for Matched {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Matched {}

impl std::hash::Hash for Matched {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

/// A rule that was checked and can be shown to the dispatcher and the index.
pub(crate) struct Compiled {
    pub(crate) pattern: Arc<Pattern>,
    pub(crate) plans: Vec<Plan>,
}

impl Hub {
    /// Reads all buses and rules, and registers the queues of their targets with the dispatcher, which must not have
    /// been started yet. Creates the bus `default` when the store is new.
    pub async fn open(parts: HubParts) -> Result<Arc<Self>, StoreError> {
        let hub = Self {
            parts,
            buses: RwLock::default(),
            control: tokio::sync::Mutex::new(()),
            replays: Replays::default(),
            matched_numbers: AtomicU64::new(0),
        };
        for document in hub.parts.metadata.documents("bus/").await? {
            let (info, log) = read_bus(&document.key, &document.value)?;
            let window = info.settings.deduplication;
            let bus = hub.show_bus(info, log, document.revision);
            if let Some(window) = window {
                hub.remember(&bus, window).await?;
            }
        }
        if hub.bus(&BusName::default_bus()).is_none() {
            hub.create_default().await?;
        }
        for document in hub.parts.metadata.documents("rule/").await? {
            hub.restore_rule(&document)?;
        }
        hub.restore_replays().await?;
        hub.purge_orphans().await?;
        Ok(Arc::new(hub))
    }

    /// Whose hub this is.
    pub fn identity(&self) -> &Identity {
        &self.parts.identity
    }

    /// Who delivers.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.parts.dispatcher
    }

    /// The limits.
    pub fn options(&self) -> &HubOptions {
        &self.parts.options
    }

    pub(crate) fn bus(&self, name: &BusName) -> Option<Arc<Bus>> {
        self.buses().get(name).cloned()
    }

    pub(crate) fn existing_bus(&self, name: &BusName) -> Result<Arc<Bus>, BusError> {
        self.bus(name).ok_or_else(|| BusError::UnknownBus { bus: name.clone() })
    }

    pub(crate) fn buses(&self) -> RwLockReadGuard<'_, HashMap<BusName, Arc<Bus>>> {
        self.buses.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn show_bus(&self, info: BusInfo, log: LogName, revision: Revision) -> Arc<Bus> {
        let name = info.name.clone();
        let bus = Arc::new(Bus {
            name: name.clone(),
            log,
            info: RwLock::new((info, revision)),
            rules: RwLock::default(),
            index: SharedIndex::default(),
            remembered: RwLock::default(),
        });
        self.buses.write().unwrap_or_else(PoisonError::into_inner).insert(name, bus.clone());
        bus
    }

    /// Checks a rule's pattern and targets.
    pub(crate) fn compile(&self, rule: &Rule) -> Result<Compiled, BusError> {
        let options = &self.parts.options;
        check_length("the description", &rule.description, 1024)?;
        if rule.targets.len() > options.target_count_max {
            return Err(BusError::TooManyTargets { target_count_max: options.target_count_max });
        }
        let mut ids = HashSet::new();
        if let Some(twice) = rule.targets.iter().find(|target| !ids.insert(&target.id)) {
            return Err(BusError::DuplicateTarget { id: twice.id.clone() });
        }
        let pattern = Arc::new(Pattern::parse(&rule.pattern, &options.pattern)?);
        let plan = |target: &TargetConfig| target.compile(queue_of(&rule.bus, &rule.name, &target.id));
        let plans = rule.targets.iter().map(plan).collect::<Result<_, _>>()?;
        Ok(Compiled { pattern, plans })
    }

    /// Refuses targets that nothing may or can be sent to. Those that the rule has already stay: an attempt at them fails.
    pub(crate) fn check_new_targets(
        &self,
        rule: &Rule,
        plans: &[Plan],
        before: &[TargetConfig],
    ) -> Result<(), BusError> {
        let new = rule.targets.iter().zip(plans).filter(|(target, _)| !before.contains(target));
        for (target, plan) in new {
            target.check_reach(&plan.call, self.parts.options.reach)?;
            if matches!(&plan.call, Call::Bus { bus } if *bus == rule.bus) {
                return Err(BusError::CircularTarget { id: target.id.clone(), bus: rule.bus.clone() });
            }
        }
        Ok(())
    }

    /// Makes sure that the index of a bus takes a pattern, before the rule is stored.
    ///
    /// It is put in and taken out again without queues, so an event that matches it in between goes nowhere.
    pub(crate) fn admit(&self, bus: &Bus, pattern: &Arc<Pattern>) -> Result<(), BusError> {
        let number = self.matched_numbers.fetch_add(1, Ordering::Relaxed);
        let probe = Matched { number, queues: Arc::new([]) };
        bus.index.insert(probe.clone(), pattern.clone())?;
        bus.index.remove(&probe);
        Ok(())
    }

    /// Shows a stored rule to the dispatcher and the index. Returns the queues of targets that are gone.
    pub(crate) fn show_rule(
        &self,
        bus: &Bus,
        rule: Arc<Rule>,
        revision: Revision,
        compiled: Compiled,
    ) -> Vec<QueueId> {
        let before = bus.rules().get(&rule.name).cloned();
        let queues: Arc<[QueueId]> = compiled.plans.iter().map(|plan| plan.queue.clone()).collect();
        let enabled = rule.status == RuleStatus::Enabled;
        let mut matched = None;
        if enabled {
            compiled.plans.into_iter().for_each(|plan| self.parts.dispatcher.register(plan));
            let number = self.matched_numbers.fetch_add(1, Ordering::Relaxed);
            let entry = Matched { number, queues: queues.clone() };
            match bus.index.insert(entry.clone(), compiled.pattern) {
                Ok(()) => matched = Some(entry),
                // `admit` was asked before; the index has shrunk its bounds since, or the rule is an old one.
                Err(error) => tracing::error!(rule = %rule.name, error = %error, "the rule matches nothing"),
            }
        }
        // Only now: an event that arrives meanwhile sees the old rule, the new one or both, never neither.
        if let Some(old) = before.as_ref().and_then(|before| before.matched.as_ref()) {
            bus.index.remove(old);
        }
        let old = before.map(|before| before.rule.targets.clone()).unwrap_or_default();
        let old = old.iter().map(|target| queue_of(&rule.bus, &rule.name, &target.id));
        let gone = old.filter(|queue| !enabled || !queues.contains(queue)).collect();
        bus.rules_mut().insert(rule.name.clone(), ActiveRule { rule, revision, matched });
        gone
    }

    /// Stops delivering to queues whose targets are gone, and forgets what they were owed.
    pub(crate) async fn retire(&self, queues: Vec<QueueId>) -> Result<(), StoreError> {
        for queue in queues {
            self.parts.dispatcher.unregister(&queue).await?;
        }
        Ok(())
    }

    async fn create_default(&self) -> Result<(), StoreError> {
        let info = BusInfo {
            name: BusName::default_bus(),
            description: "Events of the cloud's services".to_owned(),
            created_at: self.parts.clock.now(),
            settings: BusSettings::default(),
        };
        let log = log_name::of_old(&info.name);
        let revision = self.parts.metadata.create(&bus_key(&info.name), write_bus(&info, &log)).await?;
        self.show_bus(info, log, revision);
        Ok(())
    }

    /// A rule that this version cannot compile any more is shown as disabled instead of keeping the server down.
    fn restore_rule(&self, document: &Document) -> Result<(), StoreError> {
        let rule = read_rule(&document.key, &document.value)?;
        let Some(bus) = self.bus(&rule.bus) else {
            tracing::warn!(bus = %rule.bus, rule = %rule.name, "a rule of a bus that is gone is ignored");
            return Ok(());
        };
        match self.compile(&rule) {
            Ok(compiled) => drop(self.show_rule(&bus, Arc::new(rule), document.revision, compiled)),
            Err(error) => {
                tracing::error!(bus = %rule.bus, rule = %rule.name, error = %error, "a stored rule cannot be used");
                let name = rule.name.clone();
                let rule = Arc::new(Rule { status: RuleStatus::Disabled, ..rule });
                let active = ActiveRule { rule, revision: document.revision, matched: None };
                bus.rules_mut().insert(name, active);
            }
        }
        Ok(())
    }

    /// A crash between deleting a rule and emptying its queues leaves deliveries that nobody will ever make.
    async fn purge_orphans(&self) -> Result<(), StoreError> {
        let queues = self.parts.log.queues().await?;
        let of_rules = queues.into_iter().filter(|queue| queue.0.starts_with("rule/"));
        for queue in of_rules.filter(|queue| self.parts.dispatcher.queue_state(queue).is_none()) {
            let count = self.parts.log.purge(&queue).await?;
            tracing::info!(queue = %queue, count, "dropped the deliveries of a target that is gone");
        }
        Ok(())
    }
}

impl Bus {
    pub(crate) fn info(&self) -> (BusInfo, Revision) {
        self.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn rules(&self) -> RwLockReadGuard<'_, BTreeMap<RuleName, ActiveRule>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rules_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<RuleName, ActiveRule>> {
        self.rules.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn existing_rule(&self, name: &RuleName) -> Result<ActiveRule, BusError> {
        self.rules().get(name).cloned().ok_or_else(|| BusError::UnknownRule { rule: name.clone() })
    }
}

pub(crate) fn check_length(what: &'static str, text: &str, char_count_max: usize) -> Result<(), BusError> {
    match text.chars().count() > char_count_max {
        true => Err(BusError::TooLong { what, char_count_max }),
        false => Ok(()),
    }
}
