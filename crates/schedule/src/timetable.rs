//! Many schedules, and which of them is due.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use kulkul_model::Timestamp;

use crate::Schedule;

/// How late a tick may still fire: after a restart, a pause of the machine, or a jump of its clock. Older ones are not
/// made up. Ours.
pub const LATE_MAX: Duration = Duration::from_secs(60);

/// Schedules by key, each with its next tick.
///
/// Every tick comes out once, in order of time; ticks that are more than [`LATE_MAX`] late do not.
#[derive(Debug)]
pub struct Timetable<K> {
    entries: HashMap<K, Entry>,
    order: BTreeSet<(Timestamp, K)>,
}

#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    next: Option<Timestamp>,
}

impl<K: Clone + Eq + Hash + Ord> Timetable<K> {
    /// An empty one.
    pub fn new() -> Self {
        Self { entries: HashMap::new(), order: BTreeSet::new() }
    }

    /// Adds a schedule, or replaces the one of the key. Its first tick is the first after `after`.
    pub fn insert(&mut self, key: K, schedule: Schedule, after: Timestamp) {
        self.remove(&key);
        let next = schedule.next_after(after);
        self.entries.insert(key.clone(), Entry { schedule, next });
        self.order.extend(next.map(|next| (next, key)));
    }

    /// Takes a schedule out. Whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        if let Some(next) = entry.next {
            self.order.remove(&(next, key.clone()));
        }
        true
    }

    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.keys()
    }

    /// When the next tick is.
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(next, _)| *next)
    }

    /// The earliest tick that is due at `now`, once; its schedule goes on to the next one.
    pub fn due(&mut self, now: Timestamp) -> Option<(K, Timestamp)> {
        let oldest = Timestamp::from_millis(now.as_millis().saturating_sub(LATE_MAX.as_millis() as i64));
        while self.next().is_some_and(|next| next <= now) {
            let (tick, key) = self.order.pop_first()?;
            let entry = self.entries.get_mut(&key)?;
            // From the tick on, not from now: what became due meanwhile is a tick as well.
            let from = tick.max(Timestamp::from_millis(oldest.as_millis() - 1));
            entry.next = entry.schedule.next_after(from);
            self.order.extend(entry.next.map(|next| (next, key.clone())));
            if tick >= oldest {
                return Some((key, tick));
            }
        }
        None
    }
}

impl<K: Clone + Eq + Hash + Ord> Default for Timetable<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn every(seconds: u32) -> Schedule {
        Schedule::parse(&format!("*/{seconds} * * * * *"), Default::default()).unwrap()
    }

    fn all_due(table: &mut Timetable<&'static str>, now: Timestamp) -> Vec<(&'static str, i64)> {
        let seconds = |tick: Timestamp| (tick.as_millis() - at(0).as_millis()) / 1000;
        std::iter::from_fn(|| table.due(now)).map(|(key, tick)| (key, seconds(tick))).collect()
    }

    #[test]
    fn every_tick_comes_once_and_in_order() {
        let mut table = Timetable::new();
        table.insert("a", every(10), at(0));
        table.insert("b", every(15), at(0));
        assert_eq!(table.next(), Some(at(10)));
        assert_eq!(all_due(&mut table, at(9)), []);
        assert_eq!(all_due(&mut table, at(30)), [("a", 10), ("b", 15), ("a", 20), ("a", 30), ("b", 30)]);
        assert_eq!(all_due(&mut table, at(30)), []);
        assert_eq!(all_due(&mut table, at(5)), [], "a clock that is set back repeats nothing");
        assert_eq!(all_due(&mut table, at(40)), [("a", 40)]);
    }

    #[test]
    fn what_is_more_than_a_minute_late_is_not_made_up() {
        let mut table = Timetable::new();
        table.insert("a", every(30), at(0));
        assert_eq!(all_due(&mut table, at(3600)), [("a", 3540), ("a", 3570), ("a", 3600)]);
    }

    #[test]
    fn what_is_taken_out_or_replaced_is_gone() {
        let mut table = Timetable::new();
        table.insert("a", every(10), at(0));
        table.insert("a", every(20), at(0));
        assert_eq!(all_due(&mut table, at(20)), [("a", 20)]);
        assert!(table.remove(&"a") && !table.remove(&"a"));
        assert_eq!((all_due(&mut table, at(60)), table.next(), table.keys().count()), (vec![], None, 0));
    }
}
