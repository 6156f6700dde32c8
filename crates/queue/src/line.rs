//! Those who wait for messages of one queue, first come, first served.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kulkul_model::{MessageQueueName, Timestamp};
use kulkul_store::{StoreError, Taken};
use tokio::sync::oneshot;

/// What somebody who waited gets. Leased messages, or none when his time was up.
pub(crate) type Turn = Result<Vec<Taken>, TurnedAway>;

/// Why somebody who waited gets nothing although his time was not up.
#[derive(Clone, Debug)]
pub(crate) enum TurnedAway {
    /// The queue was deleted.
    Gone(MessageQueueName),
    /// The store failed.
    Store(StoreError),
}

/// Those who wait.
#[derive(Default)]
pub(crate) struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    waiters: VecDeque<Waiter>,
    attended: bool,
}

struct Waiter {
    count_max: usize,
    until: Timestamp,
    turn: oneshot::Sender<Turn>,
}

impl Line {
    /// Joins the end of the line; `None` when it has `length_max` already. The turn comes at `until` at the latest, as
    /// long as somebody [attends](Line::attend) the line.
    pub(crate) fn join(
        &self,
        count_max: usize,
        until: Timestamp,
        length_max: usize,
    ) -> Option<oneshot::Receiver<Turn>> {
        let mut state = self.lock();
        state.waiters.retain(|waiter| !waiter.turn.is_closed());
        if state.waiters.len() >= length_max {
            return None;
        }
        let (turn, answer) = oneshot::channel();
        state.waiters.push_back(Waiter { count_max, until, turn });
        Some(answer)
    }

    /// Makes the caller the one who attends the line, unless somebody does already.
    pub(crate) fn attend(&self) -> bool {
        !std::mem::replace(&mut self.lock().attended, true)
    }

    /// How many messages those who wait would take, at most `count_max`. When nobody waits: `None`, and the line is no
    /// longer attended.
    pub(crate) fn wanted(&self, count_max: usize) -> Option<usize> {
        let mut state = self.lock();
        state.waiters.retain(|waiter| !waiter.turn.is_closed());
        if state.waiters.is_empty() {
            state.attended = false;
            return None;
        }
        let wanted = state.waiters.iter().map(|waiter| waiter.count_max).sum::<usize>();
        Some(wanted.min(count_max))
    }

    /// Gives messages to those who have waited longest; returns what nobody took.
    pub(crate) fn hand_out(&self, mut taken: Vec<Taken>) -> Vec<Taken> {
        let mut state = self.lock();
        while !taken.is_empty()
            && let Some(Waiter { count_max, turn, .. }) = state.waiters.pop_front()
        {
            let rest = taken.split_off(count_max.min(taken.len()));
            taken = match turn.send(Ok(taken)) {
                Ok(()) => rest,
                // He has left: what he would have got is for the next.
                Err(Ok(mut returned)) => {
                    returned.extend(rest);
                    returned
                }
                Err(Err(_)) => rest,
            };
        }
        taken
    }

    /// Sends those away whose time is up. Returns until when the first of the others waits.
    pub(crate) fn dismiss(&self, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.lock();
        let (overdue, waiting) =
            state.waiters.drain(..).partition::<VecDeque<_>, _>(|waiter| waiter.until <= now);
        state.waiters = waiting;
        overdue.into_iter().for_each(|waiter| drop(waiter.turn.send(Ok(Vec::new()))));
        state.waiters.iter().map(|waiter| waiter.until).min()
    }

    /// Sends everybody away.
    pub(crate) fn turn_away(&self, why: &TurnedAway) {
        let mut state = self.lock();
        state.waiters.drain(..).for_each(|waiter| drop(waiter.turn.send(Err(why.clone()))));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever attends a line holds this: should he panic, those who wait are not left alone with him.
pub(crate) struct Attendance<'a>(pub(crate) &'a Line);

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.waiters.clear();
            state.attended = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use kulkul_model::TraceId;
    use kulkul_store::{Delivery, LogName, QueueId, Record, RecordKey, Seq};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn taken(seqs: std::ops::Range<u64>) -> Vec<Taken> {
        let one = |seq| {
            let text = String::new;
            let log = LogName("l".into());
            let key = RecordKey { log, id: text(), source: text(), kind: text(), subject: text() };
            let trace_id = TraceId::from_u128(0);
            let record = Record { seq: Seq(seq), key, trace_id, accepted_at: at(0), body: Bytes::new() };
            let (queue, record) = (QueueId("q".into()), Arc::new(record));
            let delivery = Delivery { queue, not_before: at(0), record, failed: 0, note: None };
            Taken { delivery, due: at(0) }
        };
        seqs.map(one).collect()
    }

    fn seqs(taken: &[Taken]) -> Vec<u64> {
        taken.iter().map(|taken| taken.delivery.record.seq.0).collect()
    }

    #[test]
    fn messages_go_to_those_who_came_first_and_are_still_there() {
        let line = Line::default();
        let mut first = line.join(2, at(9), 9).unwrap();
        let left = line.join(16, at(9), 9).unwrap();
        let mut second = line.join(2, at(9), 9).unwrap();
        let mut third = line.join(2, at(9), 9).unwrap();
        assert_eq!(line.wanted(100), Some(22));
        drop(left);
        assert!(line.hand_out(taken(0..3)).is_empty());
        assert_eq!(seqs(&first.try_recv().unwrap().unwrap()), [0, 1]);
        assert_eq!(seqs(&second.try_recv().unwrap().unwrap()), [2]);
        assert!(third.try_recv().is_err());
        assert_eq!(seqs(&line.hand_out(taken(3..9))), [5, 6, 7, 8]);
    }

    #[test]
    fn the_line_is_bounded_by_those_who_are_still_there() {
        let line = Line::default();
        let first = line.join(1, at(9), 1).unwrap();
        assert!(line.join(1, at(9), 1).is_none());
        drop(first);
        assert!(line.join(1, at(9), 1).is_some());
    }

    #[test]
    fn whose_time_is_up_leaves_with_nothing() {
        let line = Line::default();
        let [mut early, mut late] = [5, 7].map(|until| line.join(1, at(until), 9).unwrap());
        assert_eq!(line.dismiss(at(4)), Some(at(5)));
        assert_eq!(line.dismiss(at(5)), Some(at(7)));
        assert!(early.try_recv().unwrap().unwrap().is_empty() && late.try_recv().is_err());
    }

    #[test]
    fn one_attends_until_nobody_waits() {
        let line = Line::default();
        let waiter = line.join(1, at(9), 9).unwrap();
        assert!(line.attend() && !line.attend());
        assert_eq!(line.wanted(9), Some(1));
        drop(waiter);
        assert_eq!(line.wanted(9), None);
        assert!(line.attend());
    }
}
