//! One queue as the dispatcher sees it: a bounded window of leased deliveries, and the attempts under way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use kulkul_model::Timestamp;
use kulkul_store::QueueId;

use crate::{Delivery, Plan};

/// What a queue is doing, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// Attempts under way.
    pub in_flight: usize,
    /// Deliveries in memory that wait for a slot.
    pub ready: usize,
    /// Whether more are due in the store.
    pub behind: bool,
    /// Whether a delivery that was given up holds the others back.
    pub blocked: bool,
    /// Whether the target has no room at the moment.
    pub throttled: bool,
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
    blocked: bool,
    /// The queue is no longer registered: nothing is started any more.
    closed: bool,
    /// Refusals in a row for want of room at the target.
    throttle_count: u32,
    throttled: bool,
    /// When the timekeeper will look at this queue.
    pub(crate) wake_at: Option<Timestamp>,
}

impl Queue {
    pub(crate) fn new(plan: Plan, blocked: bool) -> Arc<Self> {
        let window = Window {
            ready: VecDeque::new(),
            reserved: 0,
            in_flight: 0,
            behind: true,
            refilling: false,
            blocked,
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
        let open = !self.behind && !self.blocked && !self.closed && room;
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
    pub(crate) fn start_next(&mut self, in_flight_max: usize) -> Option<Delivery> {
        if self.blocked || self.closed || self.throttled || self.in_flight >= in_flight_max {
            return None;
        }
        let next = self.ready.pop_front()?;
        self.in_flight += 1;
        Some(next)
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
        let taken = self.ready.len() + self.reserved;
        let wanted = self.behind && !self.refilling && !self.blocked && !self.closed && !self.throttled;
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

    pub(crate) fn block(&mut self) {
        self.blocked = true;
    }

    pub(crate) fn unblock(&mut self) {
        self.blocked = false;
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
            blocked: self.blocked,
            throttled: self.throttled,
        }
    }
}
