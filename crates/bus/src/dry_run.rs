//! Dry run: what a rule would have done with past events, and the difference to what it did. Changes nothing.
//!
//! What it did is what is stored with each event: the targets that it was sent to when it was accepted. What it would
//! do is what the pattern and the targets given say now. Payloads that were sent are not stored; those of a target are
//! compared with what the target as it is now would make of the same event.

use std::collections::HashMap;

use kulkul_delivery::{Preview, Previewer, TargetConfig};
use kulkul_model::{BusName, Event, RuleName, TargetId};
use kulkul_pattern::Explanation;
use kulkul_store::{FoundRecord, Order, Record, Seq};

use crate::error::BusError;
use crate::hub::Hub;
use crate::replay::is_copy;
use crate::rule::{Rule, RuleStatus, rule_and_target};
use crate::search::EventQuery;

/// Events read at once.
const PAGE: usize = 200;
/// Pages read at most, whatever they hold. Each costs some milliseconds.
const PAGES_MAX: usize = 2000;

/// What to try.
#[derive(Clone, Debug)]
pub struct NewDryRun {
    /// The bus.
    pub bus: BusName,
    /// The rule to compare with.
    pub rule: Option<RuleName>,
    /// The pattern to try instead of the rule's own.
    pub pattern: Option<String>,
    /// The targets to try instead of the rule's own.
    pub targets: Option<Vec<TargetConfig>>,
    /// On which events, newest first.
    pub query: EventQuery,
    /// How many events at most.
    pub event_count_max: usize,
    /// How many samples of each kind to return.
    pub sample_count_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Events looked at; copies made by replays are passed over.
    pub seen_count: u64,
    /// Events that the rule sent to its targets when they were accepted.
    pub matched_before_count: u64,
    /// Events that match now.
    pub matched_now_count: u64,
    /// Events that match now and were not sent then.
    pub newly_count: u64,
    /// Events that were sent then and do not match now.
    pub no_longer_count: u64,
    /// Of those that match and were sent, how many make another payload with the targets given than with the rule's own.
    pub payload_changed_count: u64,
    /// The newest of each kind.
    pub samples: Vec<DrySample>,
    /// The last place looked at when there is more.
    pub next: Option<Seq>,
}

/// How the answer to an event differs from what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DryChange {
    /// It matches now, and was not sent then.
    Newly,
    /// It was sent then, and does not match now.
    NoLonger,
    /// It matches and was sent, but a target would receive something else.
    PayloadChanged,
    /// It matches and was sent, and nothing differs.
    Same,
}

/// One event as an example.
#[derive(Clone, Debug)]
pub struct DrySample {
    /// The event as it is stored.
    pub record: Record,
    /// How it differs.
    pub change: DryChange,
    /// Which conditions failed, when it does not match any more.
    pub explanation: Option<Explanation>,
    /// What each target would receive, when it matches.
    pub payloads: Vec<DryPayload>,
}

/// What one target would receive.
#[derive(Clone, Debug)]
pub struct DryPayload {
    /// The target.
    pub target: TargetId,
    /// Each parameter that depends on the event.
    pub now: Vec<Preview>,
    /// The same by the rule's own target of that id, when that is another one.
    pub before: Option<Vec<Preview>>,
}

/// A target to try, and the rule's own in its place.
struct Tried {
    id: TargetId,
    now: Previewer,
    before: Option<Previewer>,
}

impl DryChange {
    /// Its name, such as `no-longer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newly => "newly",
            Self::NoLonger => "no-longer",
            Self::PayloadChanged => "payload-changed",
            Self::Same => "same",
        }
    }
}

impl Hub {
    /// Tries a rule on past events.
    pub async fn dry_run(&self, new: NewDryRun) -> Result<DryRun, BusError> {
        let bus = self.existing_bus(&new.bus)?;
        let own = new.rule.as_ref().map(|name| self.get_rule(&new.bus, name)).transpose()?;
        let tried = Rule {
            bus: new.bus.clone(),
            name: new.rule.clone().unwrap_or_else(any_name),
            description: String::new(),
            pattern: new.pattern.or_else(|| own.as_ref().map(|own| own.pattern.clone())).unwrap_or_default(),
            status: RuleStatus::Enabled,
            targets: new.targets.or_else(|| own.as_ref().map(|own| own.targets.clone())).unwrap_or_default(),
            owner: None,
            created_at: self.parts.clock.now(),
        };
        let pattern = self.compile(&tried)?.pattern;
        let own_targets = own.as_ref().map(|own| &own.targets[..]).unwrap_or_default();
        let targets: Vec<Tried> = tried.targets.iter().map(|target| Tried::of(target, own_targets)).collect();
        let filter = new.query.filter(&new.bus, bus.log.clone());
        let (mut run, mut kept) = (DryRun::default(), HashMap::new());
        for _ in 0..PAGES_MAX {
            let left = new.event_count_max.saturating_sub(run.seen_count as usize);
            if left == 0 {
                break;
            }
            let page = self.parts.traces.page(&filter, Order::NewestFirst, run.next, left.min(PAGE)).await?;
            for found in page.records.into_iter().filter(|found| !is_copy(&found.record.body)) {
                let matches = pattern.matches(&found.record.body);
                let routed = new.rule.as_ref().is_some_and(|rule| was_routed(&found, rule));
                let record = found.record;
                let Some(change) = run.count(&record, matches, routed, &targets) else { continue };
                let kept: &mut usize = kept.entry(change).or_default();
                if *kept < new.sample_count_max {
                    *kept += 1;
                    let explanation = (!matches).then(|| pattern.explain(&record.body));
                    let payloads = if matches { payloads(&record, &targets) } else { Vec::new() };
                    run.samples.push(DrySample { record, change, explanation, payloads });
                }
            }
            run.next = page.next;
            if page.next.is_none() {
                break;
            }
        }
        Ok(run)
    }
}

impl DryRun {
    /// Counts an event. Returns how it differs when the rule had or has to do with it.
    fn count(
        &mut self,
        record: &Record,
        matches: bool,
        routed: bool,
        targets: &[Tried],
    ) -> Option<DryChange> {
        self.seen_count += 1;
        self.matched_now_count += u64::from(matches);
        self.matched_before_count += u64::from(routed);
        let change = match (matches, routed) {
            (false, false) => return None,
            (true, false) => DryChange::Newly,
            (false, true) => DryChange::NoLonger,
            (true, true) if is_payload_changed(record, targets) => DryChange::PayloadChanged,
            (true, true) => DryChange::Same,
        };
        match change {
            DryChange::Newly => self.newly_count += 1,
            DryChange::NoLonger => self.no_longer_count += 1,
            DryChange::PayloadChanged => self.payload_changed_count += 1,
            DryChange::Same => {}
        }
        Some(change)
    }
}

impl Tried {
    fn of(target: &TargetConfig, own: &[TargetConfig]) -> Self {
        let before = own.iter().find(|own| own.id == target.id && *own != target);
        Self { id: target.id.clone(), now: Previewer::of(target), before: before.map(Previewer::of) }
    }
}

/// Whether some target would receive something else than the rule's own target in its place makes of the same event.
/// Asked of every event that matches and was sent, so what is not compared is not made.
fn is_payload_changed(record: &Record, targets: &[Tried]) -> bool {
    let compared: Vec<_> =
        targets.iter().filter_map(|tried| Some((&tried.now, tried.before.as_ref()?))).collect();
    if compared.is_empty() {
        return false;
    }
    let event = event_of(record);
    compared.into_iter().any(|(now, before)| now.of_event(&event) != before.of_event(&event))
}

fn payloads(record: &Record, targets: &[Tried]) -> Vec<DryPayload> {
    let event = event_of(record);
    let payload = |tried: &Tried| DryPayload {
        target: tried.id.clone(),
        now: tried.now.of_event(&event),
        before: tried.before.as_ref().map(|before| before.of_event(&event)),
    };
    targets.iter().map(payload).collect()
}

fn event_of(record: &Record) -> Event {
    let key = &record.key;
    let subject = Some(key.subject.clone()).filter(|subject| !subject.is_empty());
    let (id, source, kind) = (key.id.clone(), key.source.clone(), key.kind.clone());
    Event::from_stored(record.body.clone(), id, source, kind, subject)
}

fn was_routed(found: &FoundRecord, rule: &RuleName) -> bool {
    found.routes.iter().filter_map(rule_and_target).any(|(name, _)| name == rule.as_str())
}

/// The name of a rule that there need not be.
fn any_name() -> RuleName {
    "dry-run".parse().expect("letters and a hyphen are a rule name")
}
