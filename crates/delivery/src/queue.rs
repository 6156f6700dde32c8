//! One queue as the dispatcher sees it: a bounded window of leased deliveries, and the attempts under way.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use kulkul_model::Timestamp;
use kulkul_store::QueueId;

use crate::circuit::{Allowance, Circuit};
use crate::holds::Hold;
use crate::{Delivery, Plan};

/// What a queue is doing, for people. What is counted is counted from the start of the process on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// Attempts under way.
    pub in_flight: usize,
    /// Deliveries in memory that wait for a slot.
    pub ready: usize,
    /// Whether more are due in the store.
    pub behind: bool,
    /// Whether a delivery that was given up holds the others back.
    pub blocked: bool,
    /// Whether somebody paused the target.
    pub paused: bool,
    /// Whether the target has no room at the moment.
    pub throttled: bool,
    /// Whether the target is parked because it keeps failing.
    pub circuit: Circuit,
    /// Attempts that succeeded.
    pub succeeded_count: u64,
    /// Attempts that failed.
    pub failed_count: u64,
    /// When an attempt succeeded last.
    pub last_success_at: Option<Timestamp>,
    /// The last attempt that failed.
    pub last_failure: Option<LastFailure>,
}

/// The last attempt that failed at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    /// When it ended.
    pub at: Timestamp,
    /// The id of the event or invocation.
    pub id: String,
    /// Its number.
    pub attempt: u32,
    /// What the target answered.
    pub answer: String,
}

pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) plan: ArcSwap<Plan>,
    window: Mutex<Window>,
}

/// The mutable part. Its methods decide; whoever calls them acts.
pub(crate) struct Window {
    /// Leased to us and waiting for a slot.
    ready: VecDeque<Delivery>,
    /// Places promised to appends under way.
    reserved: usize,
    in_flight: usize,
    /// The store has, or may have, due deliveries that are not leased to us.
    behind: bool,
    /// Somebody is reading from the store.
    refilling: bool,
    held: HashSet<Hold>,
    circuit: Circuit,
    succeeded_count: u64,
    failed_count: u64,
    last_success_at: Option<Timestamp>,
    last_failure: Option<LastFailure>,
    /// The queue is no longer registered: nothing is started any more.
    closed: bool,
    /// Refusals in a row for want of room at the target.
    throttle_count: u32,
    throttled: bool,
    /// When the timekeeper will look at this queue.
    pub(crate) wake_at: Option<Timestamp>,
}

impl Queue {
    pub(crate) fn new(plan: Plan, held: HashSet<Hold>) -> Arc<Self> {
        let window = Window {
            ready: VecDeque::new(),
            reserved: 0,
            in_flight: 0,
            behind: true,
            refilling: false,
            held,
            circuit: Circuit::default(),
            succeeded_count: 0,
            failed_count: 0,
            last_success_at: None,
            last_failure: None,
            closed: false,
            throttle_count: 0,
            throttled: false,
            wake_at: None,
        };
        Arc::new(Self {
            id: plan.queue.clone(),
            plan: ArcSwap::from_pointee(plan),
            window: Mutex::new(window),
        })
    }

    /// The mutable part. No code that holds it can panic halfway, so a poisoned lock is as good as any.
    pub(crate) fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Promises a place in memory; false when a new delivery has to wait in the store.
    pub(crate) fn reserve(&mut self, ready_count_max: usize) -> bool {
        // Behind: those in the store are older and go first.
        let room = self.ready.len() + self.reserved < ready_count_max;
        let open = !self.behind && self.held.is_empty() && !self.closed && !self.circuit.is_parked() && room;
        self.reserved += usize::from(open);
        open
    }

    pub(crate) fn give_back_place(&mut self) {
        self.reserved -= 1;
    }

    /// Fills a promised place.
    pub(crate) fn fill(&mut self, delivery: Delivery) {
        self.reserved -= 1;
        self.ready.push_back(delivery);
    }

    /// The next delivery to try, when there is a slot for it.
    pub(crate) fn start_next(&mut self, in_flight_max: usize, now: Timestamp) -> Option<Delivery> {
        let allowed = match self.circuit.allowance(now, in_flight_max) {
            Allowance::AtOnce(count) => self.in_flight < count,
            Allowance::LoneRetry => self.is_lone_retry(),
        };
        if !self.held.is_empty() || self.closed || self.throttled || !allowed {
            return None;
        }
        let next = self.ready.pop_front()?;
        self.in_flight += 1;
        Some(next)
    }

    /// Whether what waits in memory is all that is due, and was tried before.
    fn is_lone_retry(&self) -> bool {
        let alone = self.ready.len() == 1 && self.in_flight == 0 && self.reserved == 0;
        alone && !self.behind && !self.refilling && self.ready[0].failed > 0
    }

    /// Notes that an attempt succeeded at the target.
    pub(crate) fn note_success(&mut self, now: Timestamp, in_flight_max: usize) {
        self.succeeded_count += 1;
        self.last_success_at = Some(now);
        self.circuit.succeeded(in_flight_max);
    }

    /// Notes that an attempt failed. `telling`: whether that says something about the target rather than about the
    /// delivery. Returns the end of the pause when this parked the target, or parked it for longer.
    pub(crate) fn note_failure(&mut self, failure: LastFailure, telling: bool) -> Option<Timestamp> {
        self.failed_count += 1;
        let now = failure.at;
        self.last_failure = Some(failure);
        let parked = telling && self.circuit.failed(now);
        self.circuit.pausing_until(now).filter(|_| parked)
    }

    /// Takes out of memory what has no business there while the target is held back or parked.
    pub(crate) fn take_surplus(&mut self) -> Vec<Delivery> {
        let keep = match (self.held.is_empty(), self.circuit.is_parked()) {
            (false, _) => 0,
            (true, true) => self.circuit.ready_count_max(usize::MAX),
            (true, false) => return Vec::new(),
        };
        if self.ready.len() <= keep {
            return Vec::new();
        }
        self.behind = true;
        self.ready.drain(keep..).collect()
    }

    /// Takes what waits in memory and is no longer to be tried.
    pub(crate) fn take_overdue(&mut self, overdue: impl FnMut(&Delivery) -> bool) -> Vec<Delivery> {
        let (gone, kept): (Vec<_>, Vec<_>) = self.ready.drain(..).partition(overdue);
        self.ready = kept.into();
        gone
    }

    /// When to look again although nothing happens: at the end of a pause that something waits for.
    pub(crate) fn pausing_until(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = self.behind || !self.ready.is_empty();
        self.circuit.pausing_until(now).filter(|_| waits && self.held.is_empty())
    }

    /// Ends an attempt; the slot is free again.
    pub(crate) fn end(&mut self) {
        self.in_flight -= 1;
        self.throttle_count = 0;
    }

    /// Ends an attempt that found no room at the target: the delivery goes first when the wait, which is returned,
    /// is over. `None` when the queue is waiting already.
    pub(crate) fn throttle(&mut self, delivery: Delivery) -> Option<Duration> {
        self.in_flight -= 1;
        self.ready.push_front(delivery);
        if self.throttled {
            return None;
        }
        self.throttled = true;
        self.throttle_count += 1;
        Some(Duration::from_millis(20 << (self.throttle_count - 1).min(8)))
    }

    pub(crate) fn end_throttle(&mut self) {
        self.throttled = false;
    }

    /// Notes that the store has something for this queue.
    pub(crate) fn fall_behind(&mut self) {
        self.behind = true;
    }

    /// How many deliveries to read from the store now; `None` when it is not the time. Whatever is stored after this
    /// call has to be noted by [`Window::fall_behind`] again.
    pub(crate) fn begin_refill(&mut self, ready_count_max: usize) -> Option<usize> {
        let ready_count_max = self.circuit.ready_count_max(ready_count_max);
        let taken = self.ready.len() + self.reserved;
        let wanted =
            self.behind && !self.refilling && self.held.is_empty() && !self.closed && !self.throttled;
        if !wanted || taken > ready_count_max / 2 {
            return None;
        }
        self.refilling = true;
        self.behind = false;
        Some(ready_count_max - taken)
    }

    /// Takes what was read. `more`: the store may have further due ones.
    pub(crate) fn end_refill(&mut self, deliveries: Vec<Delivery>, more: bool) {
        self.refilling = false;
        self.behind |= more;
        self.ready.extend(deliveries);
    }

    pub(crate) fn hold(&mut self, hold: Hold) {
        self.held.insert(hold);
    }

    /// Lets the target go on, whatever held it back. One that is parked is probed at once.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        self.held.clear();
        self.probe_now(now);
    }

    /// Looks into the store, and probes the target at once when it is parked.
    pub(crate) fn probe_now(&mut self, now: Timestamp) {
        self.circuit.probe_now(now);
        self.behind = true;
    }

    /// Closes the queue and returns what waited in memory.
    pub(crate) fn close(&mut self) -> VecDeque<Delivery> {
        self.closed = true;
        std::mem::take(&mut self.ready)
    }

    pub(crate) fn state(&self) -> QueueState {
        QueueState {
            in_flight: self.in_flight,
            ready: self.ready.len(),
            behind: self.behind,
            blocked: self.held.contains(&Hold::Blocked),
            paused: self.held.contains(&Hold::Paused),
            throttled: self.throttled,
            circuit: self.circuit,
            succeeded_count: self.succeeded_count,
            failed_count: self.failed_count,
            last_success_at: self.last_success_at,
            last_failure: self.last_failure.clone(),
        }
    }
}
