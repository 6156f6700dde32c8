//! What the listener knows of a connection: its phase, and whether it is to stop.
//!
//! The Tokio task of the connection writes, the listener reads once a tick; all of it is hints about time, so relaxed
//! atomics do.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::Limits;

/// The listener's clock: ticks since it began, from 1. 0 stands for "not".
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU32);

impl Clock {
    pub(crate) fn now(&self) -> u32 {
        self.0.load(Relaxed)
    }

    pub(crate) fn advance(&self) -> u32 {
        self.0.fetch_add(1, Relaxed) + 1
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Waiting for the first byte of a request, or sending the last bytes of an answer.
    Idle = 0,
    /// Receiving the head of a request.
    Head = 1,
    /// The handler has the request, or its answer is being produced.
    Busy = 2,
}

/// Shared by the Tokio task of a connection and the listener.
#[derive(Debug)]
pub(crate) struct Connection {
    client_ip: Box<str>,
    clock: Arc<Clock>,
    phase: AtomicU8,
    phase_since: AtomicU32,
    body_awaited_since: AtomicU32,
    write_blocked_since: AtomicU32,
    body_overdue: AtomicBool,
    run_to_end: AtomicBool,
    stopping: AtomicBool,
    waker: AtomicWaker,
    body_waker: AtomicWaker,
}

/// What the listener is to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// Close it. The text says why.
    Overdue(&'static str),
}

/// The time-outs in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    head: u32,
    body: u32,
    idle: u32,
    stall: u32,
}

impl Timeouts {
    pub(crate) fn new(limits: &Limits) -> Self {
        let tick = limits.tick().as_millis().max(1);
        let ticks = |timeout: std::time::Duration| {
            u32::try_from(timeout.as_millis().div_ceil(tick)).unwrap_or(u32::MAX)
        };
        Self {
            head: ticks(limits.head_timeout),
            body: ticks(limits.body_idle_timeout),
            idle: ticks(limits.idle_timeout),
            stall: ticks(limits.stall_timeout),
        }
    }
}

impl Connection {
    pub(crate) fn new(client: IpAddr, clock: Arc<Clock>) -> Self {
        let now = clock.now();
        Self {
            client_ip: client.to_canonical().to_string().into(),
            clock,
            phase: AtomicU8::new(Phase::Idle as u8),
            phase_since: AtomicU32::new(now),
            body_awaited_since: AtomicU32::new(0),
            write_blocked_since: AtomicU32::new(0),
            body_overdue: AtomicBool::new(false),
            run_to_end: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            body_waker: AtomicWaker::new(),
        }
    }

    pub(crate) fn client_ip(&self) -> &str {
        &self.client_ip
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Busy,
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.phase_since.store(self.clock.now(), Relaxed);
    }

    /// Notes that a write went through, or that the client takes nothing at the moment.
    pub(crate) fn wrote(&self, blocked: bool) {
        let since = self.write_blocked_since.load(Relaxed);
        if blocked && since == 0 {
            self.write_blocked_since.store(self.clock.now().max(1), Relaxed);
        } else if !blocked && since != 0 {
            self.write_blocked_since.store(0, Relaxed);
        }
        if !blocked && self.phase() == Phase::Idle {
            self.phase_since.store(self.clock.now(), Relaxed);
        }
    }

    /// Notes that the handler waits for more of the body, or that it no longer does.
    pub(crate) fn await_body(&self, waits: bool) {
        let since = self.body_awaited_since.load(Relaxed);
        if waits && since == 0 {
            self.body_awaited_since.store(self.clock.now().max(1), Relaxed);
        } else if !waits && since != 0 {
            self.body_awaited_since.store(0, Relaxed);
        }
    }

    /// Whether the client has paused for too long in the middle of the body; if not, `waker` is woken when it has.
    pub(crate) fn body_overdue(&self, waker: &Waker) -> bool {
        self.body_waker.register(waker);
        self.body_overdue.load(Relaxed)
    }

    pub(crate) fn set_run_to_end(&self, on: bool) {
        self.run_to_end.store(on, Relaxed);
    }

    pub(crate) fn runs_to_end(&self) -> bool {
        self.run_to_end.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.waker.wake();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Whom to wake when the listener has something to say.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Judges the connection at tick `now`. A body that is overdue is told to its reader, not to the caller.
    pub(crate) fn judge(&self, now: u32, timeouts: &Timeouts) -> Verdict {
        let over = |since: u32, limit: u32| since != 0 && now.saturating_sub(since) > limit;
        if over(self.write_blocked_since.load(Relaxed), timeouts.stall) {
            return Verdict::Overdue("the client takes nothing of the answer");
        }
        if over(self.body_awaited_since.load(Relaxed), timeouts.body) {
            self.body_overdue.store(true, Relaxed);
            self.body_waker.wake();
        }
        let since = self.phase_since.load(Relaxed).max(1);
        match self.phase() {
            Phase::Idle if over(since, timeouts.idle) => Verdict::Overdue("idle"),
            Phase::Head if over(since, timeouts.head) => Verdict::Overdue("the head takes too long"),
            Phase::Idle | Phase::Head | Phase::Busy => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts { head: 2, body: 3, idle: 5, stall: 4 };

    fn at(clock: &Clock, tick: u32) -> u32 {
        while clock.now() < tick {
            clock.advance();
        }
        tick
    }

    #[test]
    fn each_phase_has_its_own_timeout() {
        let clock = Arc::new(Clock::default());
        at(&clock, 1);
        let connection = Connection::new(IpAddr::from([127, 0, 0, 1]), Arc::clone(&clock));
        assert_eq!(connection.judge(at(&clock, 6), &TIMEOUTS), Verdict::Fine);
        assert_eq!(connection.judge(at(&clock, 7), &TIMEOUTS), Verdict::Overdue("idle"));
        connection.enter(Phase::Head);
        assert_eq!(connection.judge(at(&clock, 9), &TIMEOUTS), Verdict::Fine);
        assert_eq!(connection.judge(at(&clock, 10), &TIMEOUTS), Verdict::Overdue("the head takes too long"));
        connection.enter(Phase::Busy);
        assert_eq!(connection.judge(at(&clock, 1000), &TIMEOUTS), Verdict::Fine);
    }

    #[test]
    fn sending_the_rest_of_an_answer_is_not_idling() {
        let clock = Arc::new(Clock::default());
        at(&clock, 1);
        let connection = Connection::new(IpAddr::from([127, 0, 0, 1]), Arc::clone(&clock));
        at(&clock, 6);
        connection.wrote(false);
        assert_eq!(connection.judge(at(&clock, 11), &TIMEOUTS), Verdict::Fine);
        connection.enter(Phase::Busy);
        connection.wrote(true);
        at(&clock, 13);
        connection.wrote(true);
        assert_eq!(connection.judge(at(&clock, 15), &TIMEOUTS), Verdict::Fine);
        assert!(matches!(connection.judge(at(&clock, 16), &TIMEOUTS), Verdict::Overdue(_)));
        connection.wrote(false);
        assert_eq!(connection.judge(16, &TIMEOUTS), Verdict::Fine);
    }

    #[test]
    fn an_overdue_body_is_told_to_its_reader() {
        let clock = Arc::new(Clock::default());
        at(&clock, 1);
        let connection = Connection::new(IpAddr::from([127, 0, 0, 1]), Arc::clone(&clock));
        connection.enter(Phase::Busy);
        connection.await_body(true);
        connection.judge(at(&clock, 4), &TIMEOUTS);
        assert!(!connection.body_overdue(Waker::noop()));
        connection.await_body(false);
        connection.await_body(true);
        connection.judge(at(&clock, 7), &TIMEOUTS);
        assert!(!connection.body_overdue(Waker::noop()), "progress starts the time anew");
        assert_eq!(connection.judge(at(&clock, 8), &TIMEOUTS), Verdict::Fine);
        assert!(connection.body_overdue(Waker::noop()));
    }
}
