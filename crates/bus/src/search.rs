//! Finding events of a bus, page by page.

use std::fmt;
use std::str::FromStr;

use kulkul_model::{BusName, RuleName, Timestamp};
use kulkul_store::{Counted, FoundRecord, LogName, Order, QueueId, Record, Seq, Standing, TraceFilter};

use crate::error::BusError;
use crate::hub::Hub;
use crate::log_name;
use crate::rule::rule_and_target;

/// The queues that count for where an event of a bus stands: those of the targets of the bus, and those that keep their
/// dead letters. This server itself may be owed the event as well, what a target gave up may be on its way to the
/// target's dead-letter queue, and a dead letter may have been sent to a target of another bus.
fn counted(bus: &str) -> Counted {
    Counted { queues: format!("rule/{bus}/"), dead_letters: format!("dead/rule/{bus}/") }
}

/// Where an event stands with the targets of its bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// No rule with a target matched it.
    Unmatched,
    /// Some delivery is still owed.
    Pending,
    /// Nothing is owed but dead letters.
    DeadLettered,
    /// Every target has taken it.
    Delivered,
    /// Nothing is owed, though not every target has taken it: a dead letter was discarded, went to the target's
    /// dead-letter queue or was sent to a target of another bus, or a rule or target was taken away.
    Ended,
}

impl EventStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Unmatched, Self::Pending, Self::DeadLettered, Self::Delivered, Self::Ended];

    /// Its name, such as `dead-lettered`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmatched => "unmatched",
            Self::Pending => "pending",
            Self::DeadLettered => "dead-lettered",
            Self::Delivered => "delivered",
            Self::Ended => "ended",
        }
    }

    /// Of a record with these routes, of which some queues are still owed and some have taken it.
    pub fn of(found: &FoundRecord) -> Self {
        let count =
            |queues: &[QueueId], of: &str| queues.iter().filter(|queue| queue.0.starts_with(of)).count();
        let Counted { queues: targets, dead_letters } = counted(log_name::bus_of(&found.record.key.log));
        let routed = count(&found.routes, &targets);
        match () {
            () if count(&found.owed, &targets) > 0 => Self::Pending,
            () if count(&found.owed, &dead_letters) > 0 => Self::DeadLettered,
            () if routed == 0 => Self::Unmatched,
            () if count(&found.delivered, &targets) >= routed => Self::Delivered,
            () => Self::Ended,
        }
    }

    /// An event that is pending at one target and a dead letter of another is found under both.
    fn standing(self, bus: &BusName) -> Standing {
        let counted = counted(bus.as_str());
        match self {
            Self::Unmatched => Standing::Unrouted(counted.queues),
            Self::Pending => Standing::OwedOn(counted.queues),
            Self::DeadLettered => Standing::OwedOn(counted.dead_letters),
            Self::Delivered => Standing::Delivered(counted),
            Self::Ended => Standing::Ended(counted),
        }
    }
}

impl fmt::Display for EventStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of `unmatched`, `pending`, `dead-lettered`, `delivered` and `ended`")]
pub struct NotAStatus;

impl FromStr for EventStatus {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(NotAStatus)
    }
}

/// Which events of a bus to find. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// The attribute `id`.
    pub id: Option<String>,
    /// The attribute `source`.
    pub source: Option<String>,
    /// The attribute `type`.
    pub kind: Option<String>,
    /// The attribute `subject`; empty text finds events without one.
    pub subject: Option<String>,
    /// Only those that were sent to a target of this rule when they were accepted.
    pub rule: Option<RuleName>,
    /// Only those that stand like this now.
    pub status: Option<EventStatus>,
    /// Accepted at this time or later.
    pub from: Option<Timestamp>,
    /// Accepted at this time or earlier.
    pub to: Option<Timestamp>,
}

impl EventQuery {
    /// What it asks of the log of a bus.
    pub(crate) fn filter(&self, bus: &BusName, log: LogName) -> TraceFilter {
        TraceFilter {
            log: Some(log),
            id: self.id.clone(),
            source: self.source.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            queue_prefix: self.rule.as_ref().map(|rule| format!("rule/{bus}/{rule}/")),
            standing: self.status.map(|status| status.standing(bus)),
            from: self.from,
            to: self.to,
        }
    }
}

/// An event that was found.
#[derive(Clone, Debug)]
pub struct FoundEvent {
    /// The event as it is stored.
    pub record: Record,
    /// Where it stands.
    pub status: EventStatus,
    /// The rules to whose targets it was sent when it was accepted.
    pub rules: Vec<String>,
}

/// Part of a list of events.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The events, in the order asked for.
    pub events: Vec<FoundEvent>,
    /// Where to go on: ask for what comes after this place. `None` when there is nothing more.
    pub next: Option<Seq>,
}

impl Hub {
    /// The events of a bus that a query finds, from the first after the place `after`, at most `max`.
    ///
    /// Looks at a bounded number of events: a page may hold fewer than `max`, even none, and more can follow.
    pub async fn find_events(
        &self,
        bus: &BusName,
        query: &EventQuery,
        order: Order,
        after: Option<Seq>,
        max: usize,
    ) -> Result<EventPage, BusError> {
        let log = self.existing_bus(bus)?.log.clone();
        let page = self.parts.traces.page(&query.filter(bus, log), order, after, max).await?;
        Ok(EventPage { events: page.records.into_iter().map(FoundEvent::of).collect(), next: page.next })
    }
}

impl FoundEvent {
    fn of(found: FoundRecord) -> Self {
        let status = EventStatus::of(&found);
        let mut rules: Vec<String> =
            found.routes.iter().filter_map(rule_and_target).map(|(rule, _)| rule.to_owned()).collect();
        rules.sort();
        rules.dedup();
        Self { record: found.record, status, rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_model::TraceId;
    use kulkul_store::RecordKey;

    fn found(routes: &[&str], owed: &[&str], delivered: &[&str]) -> FoundRecord {
        let queues = |names: &[&str]| names.iter().map(|name| QueueId((*name).into())).collect();
        FoundRecord {
            record: Record {
                seq: Seq(1),
                key: RecordKey {
                    log: LogName("bus/b/1".into()),
                    id: "i".to_owned(),
                    source: "s".to_owned(),
                    kind: "t".to_owned(),
                    subject: String::new(),
                },
                trace_id: TraceId::from_u128(1),
                accepted_at: Timestamp::from_millis(1),
                body: "{}".into(),
            },
            routes: queues(routes),
            owed: queues(owed),
            delivered: queues(delivered),
        }
    }

    #[test]
    fn the_status_follows_from_what_is_owed_and_what_was_taken() {
        const ONE: &str = "rule/b/r/1";
        const TWO: &str = "rule/b/r/2";
        const DEAD: &str = "dead/rule/b/r/1";
        const SENT_ON: &str = "dlq/rule/b/r/1";
        const IMPORT: &str = "import/action-trail";
        const ELSEWHERE: &str = "rule/b2/r/1";
        const DEAD_ELSEWHERE: &str = "dead/rule/b2/r/1";
        type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], EventStatus);
        let table: [Row<'_>; 16] = [
            (&[], &[], &[], EventStatus::Unmatched),
            (&[ONE], &[ONE], &[], EventStatus::Pending),
            (&[ONE, TWO], &[DEAD, TWO], &[], EventStatus::Pending),
            (&[ONE, TWO], &[DEAD], &[TWO], EventStatus::DeadLettered),
            (&[ONE, TWO], &[], &[ONE, TWO], EventStatus::Delivered),
            (&[ONE, TWO], &[], &[TWO], EventStatus::Ended),
            (&[ONE], &[], &["rule/b/other/9"], EventStatus::Delivered),
            (&[IMPORT], &[IMPORT], &[], EventStatus::Unmatched),
            (&[IMPORT], &[], &[], EventStatus::Unmatched),
            (&[ONE, IMPORT], &[IMPORT], &[ONE], EventStatus::Delivered),
            (&[ONE, IMPORT], &[], &[ONE], EventStatus::Delivered),
            (&[ONE], &[SENT_ON], &[], EventStatus::Ended),
            (&[ONE], &[], &[SENT_ON], EventStatus::Ended),
            (&[ONE], &[ELSEWHERE], &[], EventStatus::Ended),
            (&[ONE], &[DEAD_ELSEWHERE], &[], EventStatus::Ended),
            (&[ONE], &[], &[ELSEWHERE], EventStatus::Ended),
        ];
        for (routes, owed, delivered, expected) in table {
            let status = EventStatus::of(&found(routes, owed, delivered));
            assert_eq!(status, expected, "{routes:?} {owed:?} {delivered:?}");
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert_eq!("lost".parse::<EventStatus>(), Err(NotAStatus));
    }

    #[test]
    fn the_rules_are_told_once_each() {
        let event = FoundEvent::of(found(&["rule/b/r2/1", "rule/b/r/1", "rule/b/r/2"], &[], &[]));
        assert_eq!(event.rules, ["r", "r2"]);
    }
}
