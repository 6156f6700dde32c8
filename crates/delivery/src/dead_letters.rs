//! Dead letters: deliveries that were given up and are kept, to be looked at, sent again or discarded.
//!
//! The dead letters of a queue stand on a queue of their own that nobody leases from, in the order in which they were
//! given up. Reading goes queue by queue, by name, and is bounded: a page may end early, with a cursor to go on from.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use kulkul_model::Timestamp;
use kulkul_store::{Delivery, DeliveryId, NextState, Position, QueueId, Record, Seq, Settlement, StoreError};

use crate::{Dispatcher, Failure};

/// What the names of all queues of dead letters start with.
const PREFIX: &str = "dead/";
/// Dead letters that are read from the store at once.
const READ_AT_ONCE: usize = 200;
/// Dead letters that are looked at for one page, whether they are on it or not.
const LOOKED_AT_MAX: usize = 5_000;

/// Which dead letter. As text, the target's queue, `@` and the place of its record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeadLetterId {
    /// The queue that it was given up on.
    pub target: QueueId,
    /// Its record.
    pub seq: Seq,
}

/// A text is not the id of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a dead letter, which ends in `@` and a number: `{0}`")]
pub struct InvalidDeadLetterId(String);

/// A dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Which one.
    pub id: DeadLetterId,
    /// What was owed.
    pub record: Arc<Record>,
    /// Why it was given up. `None` when what was kept with it cannot be read.
    pub failure: Option<Failure>,
    /// Where it stands.
    position: Position,
}

/// Which dead letters. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Those of this target.
    pub target: Option<QueueId>,
    /// Those of targets whose queues start with this.
    pub target_prefix: Option<String>,
    /// Those whose record has this source.
    pub source: Option<String>,
    /// Those whose record has this type.
    pub kind: Option<String>,
    /// Given up at this time or later.
    pub from: Option<Timestamp>,
    /// Given up at this time or earlier.
    pub to: Option<Timestamp>,
}

/// How far a list was read. Opaque to others, but for its text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterCursor {
    target: QueueId,
    after: Option<Position>,
}

/// A page of dead letters.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterPage {
    /// The dead letters, by target and then by the time at which they were given up.
    pub letters: Vec<DeadLetter>,
    /// Where the next page begins; `None` at the end. A page can be empty and have a next one.
    pub next: Option<DeadLetterCursor>,
}

/// What came of sending dead letters again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentAgain {
    /// So many are owed to a target again.
    pub sent_count: u64,
    /// So many stay, since their target is gone or cannot take them.
    pub kept_count: u64,
}

/// When a parked target is probed to which something is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Now.
    AtOnce,
    /// At the end of its pause.
    InTurn,
}

impl DeadLetterId {
    fn delivery(&self) -> DeliveryId {
        DeliveryId { seq: self.seq, queue: Dispatcher::dead_letters_of(&self.target) }
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.target, self.seq)
    }
}

impl FromStr for DeadLetterId {
    type Err = InvalidDeadLetterId;

    fn from_str(text: &str) -> Result<Self, InvalidDeadLetterId> {
        let invalid = || InvalidDeadLetterId(text.to_owned());
        let (target, seq) =
            text.rsplit_once('@').filter(|(target, _)| !target.is_empty()).ok_or_else(invalid)?;
        Ok(Self { target: QueueId(target.into()), seq: Seq(seq.parse().map_err(|_| invalid())?) })
    }
}

/// `{milliseconds}.{record}@{queue}`, or `@{queue}` at its beginning.
impl fmt::Display for DeadLetterCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(Position { not_before, seq }) => {
                write!(f, "{}.{seq}@{}", not_before.as_millis(), self.target)
            }
            None => write!(f, "@{}", self.target),
        }
    }
}

impl FromStr for DeadLetterCursor {
    type Err = InvalidDeadLetterId;

    fn from_str(text: &str) -> Result<Self, InvalidDeadLetterId> {
        let invalid = || InvalidDeadLetterId(text.to_owned());
        let (after, target) = text.split_once('@').ok_or_else(invalid)?;
        let position = |text: &str| {
            let (millis, seq) = text.split_once('.')?;
            let not_before = Timestamp::from_millis(millis.parse().ok()?);
            Some(Position { not_before, seq: Seq(seq.parse().ok()?) })
        };
        let after = match after {
            "" => None,
            after => Some(position(after).ok_or_else(invalid)?),
        };
        Ok(Self { target: QueueId(target.into()), after })
    }
}

impl DeadLetter {
    fn of(target: &QueueId, delivery: Delivery) -> Self {
        Self {
            id: DeadLetterId { target: target.clone(), seq: delivery.record.seq },
            failure: delivery.note.as_deref().and_then(Failure::from_note),
            position: delivery.position(),
            record: delivery.record,
        }
    }

    /// When it was given up.
    pub fn given_up_at(&self) -> Timestamp {
        self.failure.as_ref().map_or(self.position.not_before, |failure| failure.at)
    }

    /// Whether another target than its own can take it: it is an event, not the payload of an invocation.
    fn is_event(&self) -> bool {
        self.record.key.log.0.starts_with("bus/")
    }
}

impl DeadLetterFilter {
    fn wants_target(&self, target: &QueueId) -> bool {
        self.target.as_ref().is_none_or(|wanted| wanted == target)
            && self.target_prefix.as_ref().is_none_or(|prefix| target.0.starts_with(&**prefix))
    }

    fn wants(&self, letter: &DeadLetter) -> bool {
        let key = &letter.record.key;
        let at = letter.given_up_at();
        self.source.as_ref().is_none_or(|source| *source == key.source)
            && self.kind.as_ref().is_none_or(|kind| *kind == key.kind)
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at <= to)
    }

    /// Where to begin in each queue.
    fn start(&self) -> Option<Position> {
        let from = self.from?.as_millis().checked_sub(1)?;
        Some(Position { not_before: Timestamp::from_millis(from), seq: Seq(i64::MAX as u64) })
    }

    /// Whether nothing behind a dead letter in its queue can be wanted.
    fn ends_at(&self, letter: &DeadLetter) -> bool {
        self.to.is_some_and(|to| letter.position.not_before > to)
    }
}

impl Dispatcher {
    /// The dead letters that a filter finds, from `after` on, at most `max`.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        after: Option<&DeadLetterCursor>,
        max: usize,
    ) -> Result<DeadLetterPage, StoreError> {
        let targets = self.targets_with_dead_letters(filter).await?;
        let mut page = DeadLetterPage::default();
        let mut looked_at = 0;
        for target in targets {
            let mut position = match after {
                Some(after) if target < after.target => continue,
                Some(after) if target == after.target => after.after.or(filter.start()),
                _ => filter.start(),
            };
            let queue = Self::dead_letters_of(&target);
            'queue: loop {
                if page.letters.len() >= max || looked_at >= LOOKED_AT_MAX {
                    page.next = Some(DeadLetterCursor { target, after: position });
                    return Ok(page);
                }
                let count = READ_AT_ONCE.min(max);
                let read = self.0.log.browse(&queue, position, count).await?;
                let last = read.len() < count;
                for delivery in read {
                    let letter = DeadLetter::of(&target, delivery);
                    if filter.ends_at(&letter) {
                        break 'queue;
                    }
                    if page.letters.len() >= max {
                        continue 'queue;
                    }
                    looked_at += 1;
                    position = Some(letter.position);
                    if filter.wants(&letter) {
                        page.letters.push(letter);
                    }
                }
                if last {
                    break;
                }
            }
        }
        Ok(page)
    }

    /// One dead letter.
    pub async fn dead_letter(&self, id: &DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        let found = self.0.log.find(&id.delivery()).await?;
        Ok(found.map(|delivery| DeadLetter::of(&id.target, delivery)))
    }

    /// How many dead letters the targets of a filter have, whatever else it asks for.
    pub async fn dead_letter_count(&self, filter: &DeadLetterFilter) -> Result<u64, StoreError> {
        let now = self.0.clock.now();
        let mut count = 0;
        for target in self.targets_with_dead_letters(filter).await? {
            count += self.0.log.queue_stats(&Self::dead_letters_of(&target), now).await?.pending;
        }
        Ok(count)
    }

    /// Forgets a dead letter for good. `Ok(false)` when there is none.
    pub async fn discard(&self, id: &DeadLetterId) -> Result<bool, StoreError> {
        let delivery = id.delivery();
        let found = self.0.log.find(&delivery).await?.is_some();
        if found {
            self.0.log.settle(vec![Settlement { delivery, next: NextState::Done, attempt: None }]).await?;
        }
        Ok(found)
    }

    /// Owes dead letters to their targets again, or to another one: due at once, with all attempts. Durable when it
    /// returns.
    ///
    /// A dead letter whose target is gone stays what it is, and so does the payload of an invocation that would go to
    /// another target than its own function.
    pub async fn send_again(
        &self,
        letters: &[DeadLetter],
        to: Option<&QueueId>,
        probe: Probe,
    ) -> Result<SentAgain, StoreError> {
        let now = self.0.clock.now();
        let mut result = SentAgain::default();
        let mut settlements = Vec::with_capacity(letters.len());
        let mut woken: Vec<QueueId> = Vec::new();
        for letter in letters {
            let queue = to.unwrap_or(&letter.id.target);
            let fits = *queue == letter.id.target || letter.is_event();
            if !fits || !self.queues().contains_key(queue) {
                result.kept_count += 1;
                continue;
            }
            let next = NextState::Moved { queue: queue.clone(), not_before: now, note: None };
            settlements.push(Settlement { delivery: letter.id.delivery(), next, attempt: None });
            if woken.last() != Some(queue) {
                woken.push(queue.clone());
            }
        }
        result.sent_count = settlements.len() as u64;
        if !settlements.is_empty() {
            self.0.log.settle(settlements).await?;
        }
        woken.iter().for_each(|queue| self.look_at(queue, probe));
        Ok(result)
    }

    /// Forgets dead letters that were given up longer ago than `age_max`, at most `max`; returns how many went.
    pub async fn forget_dead_letters(&self, age_max: Duration, max: usize) -> Result<u64, StoreError> {
        let now = self.0.clock.now();
        let age = i64::try_from(age_max.as_millis()).unwrap_or(i64::MAX);
        let to = Timestamp::from_millis(now.as_millis().saturating_sub(age));
        let mut old = Vec::new();
        for target in self.targets_with_dead_letters(&DeadLetterFilter::default()).await? {
            // Nothing there is leased, so the next one due is the one that was given up first.
            let first = self.0.log.next_due(&Self::dead_letters_of(&target), now).await?;
            if old.len() < max && first.is_some_and(|first| first <= to) {
                let filter =
                    DeadLetterFilter { target: Some(target), to: Some(to), ..DeadLetterFilter::default() };
                old.extend(self.dead_letters(&filter, None, max - old.len()).await?.letters);
            }
        }
        let done = |letter: &DeadLetter| Settlement {
            delivery: letter.id.delivery(),
            next: NextState::Done,
            attempt: None,
        };
        if !old.is_empty() {
            self.0.log.settle(old.iter().map(done).collect()).await?;
        }
        Ok(old.len() as u64)
    }

    async fn targets_with_dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<QueueId>, StoreError> {
        let queues = match &filter.target {
            Some(target) => vec![Self::dead_letters_of(target)],
            None => self.0.log.queues().await?,
        };
        let targets = queues.iter().filter_map(|queue| queue.0.strip_prefix(PREFIX));
        let targets = targets.map(|target| QueueId(target.into()));
        let mut targets: Vec<QueueId> = targets.filter(|target| filter.wants_target(target)).collect();
        targets.sort();
        Ok(targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_whatever_the_target_is_called() {
        for target in ["rule/default/r/t1", "async/f/LATEST", "rule/b/r/a@b"] {
            let id = DeadLetterId { target: QueueId(target.into()), seq: Seq(17) };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "rule/default/r/t1", "@17", "rule/default/r/t1@", "rule/default/r/t1@-1"] {
            assert!(text.parse::<DeadLetterId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let target = QueueId("rule/b/r/a@b".into());
        for after in [None, Some(Position { not_before: Timestamp::from_millis(5), seq: Seq(17) })] {
            let cursor = DeadLetterCursor { target: target.clone(), after };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "5.17", "5@q", "5.x@q"] {
            assert!(text.parse::<DeadLetterCursor>().is_err(), "{text}");
        }
    }
}
