//! A cron expression in a time zone.

use jiff::{SignedDuration, Timestamp as Instant};
use kulkul_model::Timestamp;

use crate::cron::Cron;
use crate::{ScheduleError, Zone};

/// More changes of the clock than a zone has in the nine years that a search looks ahead.
const TRANSITION_COUNT_MAX: usize = 64;

/// When something fires: a cron expression with six fields, seconds first, on the clocks of a time zone.
///
/// A local time that a zone skips in spring does not fire. One that comes twice in autumn fires once, at its first
/// coming, unless the schedule fires in every hour: then the clock is only a way to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: Zone,
}

impl Schedule {
    /// Parses an expression such as `0 */10 * * * *`. Refuses one that never fires.
    pub fn parse(expression: &str, zone: Zone) -> Result<Self, ScheduleError> {
        let schedule = Self { cron: Cron::parse(expression)?, zone };
        // A year without a leap day behind it: whatever fires at all does so within nine years from here.
        let somewhere = Timestamp::from_millis(1_767_225_600_000);
        schedule.next_after(somewhere).map(|_| schedule).ok_or(ScheduleError::Never)
    }

    /// The first tick after `time`, strictly; `None` when there is none before the end of the calendar.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let second = time.as_millis().div_euclid(1000).checked_add(1)?;
        let mut from = Instant::from_second(second).ok()?;
        for _ in 0..TRANSITION_COUNT_MAX {
            let (found, transition) = self.in_one_offset(from);
            match (found, transition) {
                (Some(tick), _) => return Some(Timestamp::from_millis(tick.as_millisecond())),
                (None, Some(transition)) => from = transition,
                (None, None) => return None,
            }
        }
        None
    }

    /// The first tick at `from` or later and before the clock changes; and when it changes.
    fn in_one_offset(&self, from: Instant) -> (Option<Instant>, Option<Instant>) {
        let rules = &self.zone.rules;
        let transition = rules.following(from).next().map(|transition| transition.timestamp());
        let offset = rules.to_offset(from);
        let mut local = offset.to_datetime(from);
        loop {
            let Some(matching) = self.cron.at_or_after(local) else { return (None, transition) };
            let Ok(tick) = offset.to_timestamp(matching) else { return (None, transition) };
            if transition.is_some_and(|transition| tick >= transition) {
                return (None, transition);
            }
            if self.cron.is_hourly() || !self.came_before(tick, matching) {
                return (Some(tick), transition);
            }
            match matching.checked_add(SignedDuration::from_secs(1)) {
                Ok(next) => local = next,
                Err(_) => return (None, transition),
            }
        }
    }

    /// Whether the local time of a tick is its second coming.
    fn came_before(&self, tick: Instant, local: jiff::civil::DateTime) -> bool {
        let first = self.zone.rules.to_ambiguous_timestamp(local).earlier();
        first.is_ok_and(|first| first < tick)
    }

    /// The zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }
}
