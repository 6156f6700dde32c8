//! Deduplication: a producer that sends an event again is told of its first acceptance, and nothing else happens.
//!
//! Two events are the same when source and id are. A bus that wants it remembers what it has accepted in a window of
//! time, at most [`REMEMBERED_MAX`] events; when there are more, the window is as long as those reach back. What is
//! remembered is read from the log again after a restart.
//!
//! Only what producers send is dropped: events of this server itself have ids of their own, and copies made by a replay,
//! here or elsewhere, are meant to be there again. Nor are copies and events that came from other buses remembered:
//! a window begins with what a producer sent. What is told by the log is held to the same rule as what is accepted,
//! see [`is_first_hand`].

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kulkul_model::{Draft, Event, EventError, Timestamp, TraceId, VIA};
use kulkul_store::{AcceptedKey, NewRecord, StoreError};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::accept::{Acceptance, route};
use crate::hub::{Bus, Hub};
use crate::replay::REPLAY_ATTRIBUTE;

/// Events that one bus remembers; each takes about 100 bytes.
const REMEMBERED_MAX: usize = 200_000;

/// How long a bus remembers what it has accepted: 1 second to 1 day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeduplicationWindow(Duration);

/// A duration that is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a deduplication window lasts from 1 second to 1 day, in whole seconds")]
pub struct InvalidWindow;

impl DeduplicationWindow {
    /// A window of so many seconds.
    pub fn of_secs(secs: u64) -> Result<Self, InvalidWindow> {
        (1..=86_400).contains(&secs).then_some(Self(Duration::from_secs(secs))).ok_or(InvalidWindow)
    }

    /// Its length in seconds.
    pub fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// The earliest time that is in it.
    pub(crate) fn start(self, now: Timestamp) -> Timestamp {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(now.as_millis().saturating_sub(millis))
    }
}

/// What a bus remembers.
pub(crate) struct Remembered {
    keys: Keys,
    seen: Mutex<Seen>,
    /// Somebody's events are accepted or refused.
    settled: Notify,
}

/// Makes the short form in which source and id are remembered: two keyed hashes, whose keys nobody outside knows, so
/// that nobody can make two events that look the same.
#[derive(Default)]
struct Keys(RandomState, RandomState);

/// Source and id of an event, in 128 bits.
type Print = (u64, u64);

struct Seen {
    window: DeduplicationWindow,
    events: HashMap<Print, Fate>,
    /// What was accepted, in order of time.
    order: VecDeque<(Timestamp, Print)>,
}

#[derive(Clone, Copy)]
enum Fate {
    /// Somebody is storing it.
    UnderWay,
    Accepted {
        at: Timestamp,
        trace_id: TraceId,
    },
}

/// What is to be done with one event of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Store it.
    New,
    /// It was accepted before.
    Known(TraceId),
    /// It is the same as the event of this request at an index.
    SameAs(usize),
}

/// The new events of a request, until they are stored. Dropping it lets others store them.
pub(crate) struct Claimed {
    remembered: Arc<Remembered>,
    /// `None` for an event that is not first hand.
    prints: Vec<Option<Print>>,
}

/// Whether an event, given as it is stored, came from a producer: it is no copy of a replay, and was on no other bus.
fn is_first_hand(body: &[u8]) -> bool {
    const MARKS: [&str; 2] = [REPLAY_ATTRIBUTE, VIA];
    let Ok(text) = std::str::from_utf8(body) else { return true };
    // Nearly all events have neither word in them, and need not be parsed.
    let may_be_marked = MARKS.iter().any(|mark| text.contains(*mark));
    let is_marked = |event: Draft<'_>| MARKS.iter().any(|mark| event.get(mark).is_some());
    !may_be_marked || !Draft::parse(text).is_ok_and(is_marked)
}

impl Hub {
    /// Lets a bus remember for a longer window than before; reads what the log has of it. When that fails, the bus
    /// remembers what it did before.
    pub(crate) async fn remember(&self, bus: &Bus, window: DeduplicationWindow) -> Result<(), StoreError> {
        // First, so that what is accepted from now on is remembered, whatever the log says.
        let (remembered, former) = bus.remember_for(window);
        let from = window.start(self.parts.clock.now());
        let accepted = self.parts.traces.accepted_since(&bus.log, from, REMEMBERED_MAX, is_first_hand).await;
        match accepted {
            Ok(accepted) => {
                remembered.recall(&accepted);
                Ok(())
            }
            Err(error) => {
                bus.set_window(former);
                Err(error)
            }
        }
    }

    /// Accepts those of the events that are not known, and answers for all. Durable when this returns.
    ///
    /// Runs to its end although the caller goes away: what was stored must be remembered.
    pub(crate) async fn accept_once(
        &self,
        bus: &Arc<Bus>,
        remembered: &Arc<Remembered>,
        events: Vec<Result<Event, EventError>>,
        now: Timestamp,
    ) -> Result<Vec<Result<Acceptance, EventError>>, StoreError> {
        let good: Vec<Event> = events.iter().filter_map(|event| event.as_ref().ok().cloned()).collect();
        let (claims, claimed) = remembered.claim(&good, now).await;
        let new = good.iter().zip(&claims).filter(|(_, claim)| **claim == Claim::New);
        let records: Vec<NewRecord> = new.map(|(event, _)| route(bus, event, now)).collect();
        let new_ids: Vec<TraceId> = records.iter().map(|record| record.trace_id).collect();
        let trace_ids = trace_ids(&claims, &new_ids);
        if !records.is_empty() {
            let dispatcher = self.parts.dispatcher.clone();
            let stored = tokio::spawn(async move {
                dispatcher.append(records).await?;
                claimed.accepted(new_ids, now);
                Ok(())
            });
            stored.await.unwrap_or(Err(StoreError::Closed))?;
        }
        let mut accepted = good
            .iter()
            .zip(trace_ids)
            .map(|(event, trace_id)| Acceptance { event_id: event.id().to_owned(), trace_id });
        let answers = events.into_iter().map(|event| {
            event.map(|_| accepted.next().expect("each event that can be accepted has an acceptance"))
        });
        Ok(answers.collect())
    }
}

impl Bus {
    pub(crate) fn remembered(&self) -> Option<Arc<Remembered>> {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes how long it remembers; `None`: not at all. What is forgotten by that does not come back.
    pub(crate) fn set_window(&self, window: Option<DeduplicationWindow>) {
        match window {
            Some(window) => drop(self.remember_for(window)),
            None => *self.remembered.write().unwrap_or_else(PoisonError::into_inner) = None,
        }
    }

    /// Returns what it remembers from now on, and the window it had before.
    fn remember_for(&self, window: DeduplicationWindow) -> (Arc<Remembered>, Option<DeduplicationWindow>) {
        let mut present = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(remembered) = &*present {
            let former = std::mem::replace(&mut remembered.seen().window, window);
            return (remembered.clone(), Some(former));
        }
        (present.insert(Remembered::new(window)).clone(), None)
    }
}

/// The trace id of each event: its own, or that of the one that it is the same as.
fn trace_ids(claims: &[Claim], new_ids: &[TraceId]) -> Vec<TraceId> {
    let (mut new_ids, mut all) = (new_ids.iter(), Vec::with_capacity(claims.len()));
    for claim in claims {
        all.push(match claim {
            Claim::New => *new_ids.next().expect("each new event has a trace id"),
            Claim::Known(trace_id) => *trace_id,
            Claim::SameAs(index) => all[*index],
        });
    }
    all
}

impl Remembered {
    pub(crate) fn new(window: DeduplicationWindow) -> Arc<Self> {
        let seen = Seen { window, events: HashMap::new(), order: VecDeque::new() };
        Arc::new(Self { keys: Keys::default(), seen: Mutex::new(seen), settled: Notify::new() })
    }

    /// Remembers an event of this server itself, which was stored in another commit than the hub's own.
    pub(crate) fn add(&self, stored: &NewRecord) {
        let print = self.keys.print(&stored.key.source, &stored.key.id);
        self.seen().accepted(print, stored.trace_id, stored.accepted_at);
    }

    /// Remembers what a log says was accepted, given newest first.
    pub(crate) fn recall(&self, accepted: &[AcceptedKey]) {
        let seen = &mut *self.seen();
        for key in accepted.iter().rev() {
            let (print, at) = (self.keys.print(&key.source, &key.id), key.accepted_at);
            if let Entry::Vacant(unknown) = seen.events.entry(print) {
                unknown.insert(Fate::Accepted { at, trace_id: key.trace_id });
                seen.order.push_back((at, print));
            }
        }
        seen.order.make_contiguous().sort_unstable();
    }

    /// Says of each event of a request what is to be done with it, and claims the new ones. Waits while one of them is
    /// being stored by somebody else: only then it is known whether it was accepted.
    pub(crate) async fn claim(self: &Arc<Self>, events: &[Event], now: Timestamp) -> (Vec<Claim>, Claimed) {
        loop {
            // From here on no end of another request is missed.
            let settled: Notified<'_> = self.settled.notified();
            if let Some(claims) = self.try_claim(events, now) {
                return claims;
            }
            settled.await;
        }
    }

    /// Claims all new events, or none when one of them is under way.
    fn try_claim(self: &Arc<Self>, events: &[Event], now: Timestamp) -> Option<(Vec<Claim>, Claimed)> {
        let mut seen = self.seen();
        seen.forget(now);
        let (mut claims, mut prints): (Vec<Claim>, Vec<(Option<Print>, usize)>) = Default::default();
        for (index, event) in events.iter().enumerate() {
            let print = is_first_hand(event.json()).then(|| self.keys.print(event.source(), event.id()));
            let known = print.and_then(|print| seen.events.get(&print));
            let same = prints.iter().find(|(known, _)| known.is_some() && *known == print);
            let claim = match (known, same) {
                (Some(Fate::UnderWay), _) => return None,
                (Some(Fate::Accepted { trace_id, .. }), _) => Claim::Known(*trace_id),
                (None, Some(&(_, first))) => Claim::SameAs(first),
                (None, None) => {
                    prints.push((print, index));
                    Claim::New
                }
            };
            claims.push(claim);
        }
        let prints: Vec<Option<Print>> = prints.into_iter().map(|(print, _)| print).collect();
        seen.events.extend(prints.iter().flatten().map(|&print| (print, Fate::UnderWay)));
        Some((claims, Claimed { remembered: self.clone(), prints }))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claimed {
    /// The new events were stored, under these trace ids in order.
    pub(crate) fn accepted(mut self, trace_ids: impl IntoIterator<Item = TraceId>, at: Timestamp) {
        let mut seen = self.remembered.seen();
        for (print, trace_id) in std::mem::take(&mut self.prints).into_iter().zip(trace_ids) {
            if let Some(print) = print {
                seen.accepted(print, trace_id, at);
            }
        }
        drop(seen);
        self.remembered.settled.notify_waiters();
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let mut seen = self.remembered.seen();
        for print in self.prints.drain(..).flatten() {
            seen.events.remove(&print);
        }
        drop(seen);
        self.remembered.settled.notify_waiters();
    }
}

impl Seen {
    /// Remembers an event, and forgets what it makes too old or too much: this server's own events come without a claim.
    fn accepted(&mut self, print: Print, trace_id: TraceId, at: Timestamp) {
        self.events.insert(print, Fate::Accepted { at, trace_id });
        self.order.push_back((at, print));
        self.forget(at);
    }

    /// Forgets what is out of the window, and the oldest beyond the bound.
    fn forget(&mut self, now: Timestamp) {
        let start = self.window.start(now);
        while let Some(&(at, print)) = self.order.front()
            && (at < start || self.order.len() > REMEMBERED_MAX)
        {
            self.order.pop_front();
            // It may have been accepted again since.
            if matches!(self.events.get(&print), Some(Fate::Accepted { at: last, .. }) if *last <= at) {
                self.events.remove(&print);
            }
        }
    }
}

impl Keys {
    fn print(&self, source: &str, id: &str) -> Print {
        (self.0.hash_one((source, id)), self.1.hash_one((source, id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_store::{LogName, RecordKey};

    fn event(source: &str, id: &str) -> Event {
        Event::from_stored("{}".into(), id.to_owned(), source.to_owned(), "t".to_owned(), None)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1000 * secs)
    }

    fn remembered(secs: u64) -> Arc<Remembered> {
        Remembered::new(DeduplicationWindow::of_secs(secs).unwrap())
    }

    const FIRST: TraceId = TraceId::from_u128(1);
    const SECOND: TraceId = TraceId::from_u128(2);

    #[tokio::test]
    async fn an_event_is_known_by_source_and_id_until_the_window_is_over() {
        let remembered = remembered(10);
        let (claims, claimed) = remembered.claim(&[event("a", "1")], at(100)).await;
        assert_eq!(claims, [Claim::New]);
        claimed.accepted([FIRST], at(100));
        let table = [
            ("a", "1", 110, Claim::Known(FIRST)),
            ("b", "1", 110, Claim::New),
            ("a", "2", 110, Claim::New),
            ("a1", "", 110, Claim::New),
            ("a", "1", 111, Claim::New),
        ];
        for (source, id, now, expected) in table {
            let (claims, _) = remembered.claim(&[event(source, id)], at(now)).await;
            assert_eq!(claims, [expected], "{source} {id} at {now}");
        }
    }

    #[tokio::test]
    async fn of_two_in_one_request_the_second_follows_the_first() {
        let remembered = remembered(10);
        let events = [event("a", "1"), event("b", "1"), event("a", "1")];
        let (claims, claimed) = remembered.claim(&events, at(0)).await;
        assert_eq!(claims, [Claim::New, Claim::New, Claim::SameAs(0)]);
        claimed.accepted([FIRST, SECOND], at(0));
        let (claims, _) = remembered.claim(&events, at(1)).await;
        assert_eq!(claims, [Claim::Known(FIRST), Claim::Known(SECOND), Claim::Known(FIRST)]);
    }

    #[tokio::test]
    async fn whoever_comes_while_it_is_stored_waits_and_hears_of_the_first() {
        let remembered = remembered(10);
        let (_, first) = remembered.claim(&[event("a", "1")], at(0)).await;
        let both = [event("b", "1"), event("a", "1")];
        let mut second = Box::pin(remembered.claim(&both, at(0)));
        assert!(futures_poll(&mut second).await.is_none());
        let (others, _) = remembered.claim(&[event("b", "1")], at(0)).await;
        assert_eq!(others, [Claim::New], "whoever waits claims nothing");
        first.accepted([FIRST], at(0));
        assert_eq!(second.await.0, [Claim::New, Claim::Known(FIRST)]);
    }

    #[tokio::test]
    async fn what_could_not_be_stored_is_new_again() {
        let remembered = remembered(10);
        let (_, first) = remembered.claim(&[event("a", "1")], at(0)).await;
        let again = [event("a", "1")];
        let mut second = Box::pin(remembered.claim(&again, at(0)));
        assert!(futures_poll(&mut second).await.is_none());
        drop(first);
        assert_eq!(second.await.0, [Claim::New]);
    }

    #[tokio::test]
    async fn what_the_log_says_is_known_after_a_restart() {
        let remembered = remembered(10);
        let key = |id: &str, secs| AcceptedKey {
            id: id.to_owned(),
            source: "a".to_owned(),
            trace_id: FIRST,
            accepted_at: at(secs),
        };
        remembered.recall(&[key("2", 105), key("1", 100)]);
        let both = [event("a", "1"), event("a", "2")];
        let (claims, _) = remembered.claim(&both, at(111)).await;
        assert_eq!(claims, [Claim::New, Claim::Known(FIRST)]);
    }

    #[tokio::test]
    async fn what_is_not_first_hand_is_neither_dropped_nor_remembered() {
        let remembered = remembered(10);
        let copy = || {
            let body = r#"{"kulkulreplay":"0123456789abcdef0123"}"#;
            Event::from_stored(body.into(), "1".to_owned(), "a".to_owned(), "t".to_owned(), None)
        };
        let (claims, claimed) = remembered.claim(&[copy(), copy(), event("a", "1")], at(0)).await;
        assert_eq!(claims, [Claim::New, Claim::New, Claim::New]);
        claimed.accepted([FIRST, FIRST, SECOND], at(0));
        let (claims, _) = remembered.claim(&[event("a", "1"), copy()], at(1)).await;
        assert_eq!(claims, [Claim::Known(SECOND), Claim::New]);
    }

    #[test]
    fn only_attributes_make_an_event_second_hand() {
        let table = [
            (r#"{"id":"1"}"#, true),
            (r#"{"id":"1","data":{"kulkulreplay":"x","kulkulvia":"y"}}"#, true),
            (r#"{"id":"1","kulkulvia":"orders"}"#, false),
            (r#"{"id":"1","kulkulreplay":"0123456789abcdef0123"}"#, false),
            ("kulkulvia, but no JSON", true),
        ];
        for (body, expected) in table {
            assert_eq!(is_first_hand(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_comes_without_a_claim_is_forgotten_too() {
        let remembered = remembered(10);
        let own = |id: i64| NewRecord {
            key: RecordKey {
                log: LogName("bus/default".into()),
                id: id.to_string(),
                source: "acs.oss".to_owned(),
                kind: "t".to_owned(),
                subject: String::new(),
            },
            trace_id: FIRST,
            accepted_at: at(id),
            body: "{}".into(),
            routes: Vec::new(),
        };
        (0..100).for_each(|second| remembered.add(&own(second)));
        let seen = remembered.seen();
        assert_eq!((seen.order.len(), seen.events.len()), (11, 11));
    }

    #[tokio::test]
    async fn memory_is_bounded_and_the_oldest_are_forgotten_first() {
        let remembered = remembered(86_400);
        for first in (0..REMEMBERED_MAX + 1000).step_by(100) {
            let events: Vec<_> = (first..first + 100).map(|n| event("a", &n.to_string())).collect();
            let (claims, claimed) = remembered.claim(&events, at(first as i64)).await;
            claimed.accepted(claims.iter().map(|_| FIRST), at(first as i64));
        }
        let (claims, _) = remembered.claim(&[event("a", "0"), event("a", "1000")], at(300_000)).await;
        assert_eq!(claims[0], Claim::New);
        let seen = remembered.seen();
        assert!(seen.order.len() <= REMEMBERED_MAX && seen.events.len() <= REMEMBERED_MAX + 2);
    }

    #[test]
    fn windows_have_bounds() {
        for (secs, is_valid) in [(0, false), (1, true), (86_400, true), (86_401, false)] {
            assert_eq!(DeduplicationWindow::of_secs(secs).is_ok(), is_valid, "{secs}");
        }
    }

    /// Polls a future once.
    async fn futures_poll<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Option<T> {
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
