//! The dispatcher: appends records, keeps the windows of the queues filled, and runs the attempts.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use kulkul_model::Timestamp;
use kulkul_store::{EventLog, Metadata, NewRecord, QueueId, Record, Seq, Settlement, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::{self, Decision, Made};
use crate::budget::Budget;
use crate::holds::{Hold, Holds};
use crate::queue::{LastFailure, Queue};
use crate::settler::{self, Outcome, OutcomeSender};
use crate::{Clock, Delivery, Ending, Outside, Plan, Verdict, dead_letter_queue};

/// The bounds of the dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatcherOptions {
    /// Attempts under way at once at a target that does not say otherwise.
    pub concurrency: NonZeroU32,
    /// Deliveries of one queue in memory that wait for a slot.
    pub ready_count_max: usize,
    /// Memory that the bodies of all of them may take.
    pub ready_bytes_max: usize,
    /// How long a lease lasts. Must be longer than the longest attempt.
    pub lease: Duration,
    /// How long a parked target may hold up a delivery that is due.
    pub held_up_max: Duration,
}

impl Default for DispatcherOptions {
    /// 8 attempts at once; 512 deliveries a queue and 64 MiB in all; leases of 25 h, an hour longer than a function
    /// may run; held up for a day, as long as the longest documented schedule of retries.
    fn default() -> Self {
        Self {
            concurrency: NonZeroU32::MIN.saturating_add(7),
            ready_count_max: 512,
            ready_bytes_max: 64 << 20,
            lease: Duration::from_secs(25 * 3600),
            held_up_max: Duration::from_secs(24 * 3600),
        }
    }
}

/// What a delivery in memory takes beside its body.
const DELIVERY_BYTES: usize = 256;
/// How long to wait before a store that could not be read is asked again.
const READ_RETRY: Duration = Duration::from_secs(1);
/// The longest sleep of the timekeeper. It wakes early when there is something earlier.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// A handle; clones are the same dispatcher.
#[derive(Clone)]
pub struct Dispatcher(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: DispatcherOptions,
    queues: RwLock<HashMap<QueueId, Arc<Queue>>>,
    pub(crate) holds: Holds,
    /// Held by whoever changes what holds a target back, or takes one away.
    pub(crate) control: tokio::sync::Mutex<()>,
    budget: Budget,
    outside: OnceLock<Outside>,
    outcomes: Mutex<Option<OutcomeSender>>,
    wakes: Mutex<BTreeMap<Timestamp, Vec<Arc<Queue>>>>,
    earlier_wake: Notify,
    /// No attempt is started any more.
    stop: CancellationToken,
    /// Attempts under way are dropped.
    abort: CancellationToken,
    attempts: TaskTracker,
    keepers: TaskTracker,
}

/// Places in memory for the deliveries of one record, promised before it is committed.
///
/// Dropping it gives them back. Nothing else may then have been committed with the leases that it put into the
/// record; whoever holds it across a commit must see that through.
pub struct Reserved {
    dispatcher: Dispatcher,
    places: Vec<Place>,
    bytes_each: usize,
}

struct Place {
    queue: Arc<Queue>,
    not_before: Timestamp,
    leased: bool,
}

impl Dispatcher {
    /// Makes a dispatcher that starts no attempt before [`Dispatcher::start`].
    pub async fn open(
        log: Arc<dyn EventLog>,
        metadata: Arc<dyn Metadata>,
        clock: Arc<dyn Clock>,
        options: DispatcherOptions,
    ) -> Result<Self, StoreError> {
        let holds = Holds::read(metadata.as_ref()).await?;
        Ok(Self(Arc::new(Inner {
            log,
            metadata,
            clock,
            options,
            queues: RwLock::default(),
            holds,
            control: tokio::sync::Mutex::new(()),
            budget: Budget::new(options.ready_bytes_max),
            outside: OnceLock::new(),
            outcomes: Mutex::new(None),
            wakes: Mutex::default(),
            earlier_wake: Notify::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            attempts: TaskTracker::new(),
            keepers: TaskTracker::new(),
        })))
    }

    /// Starts delivering. Called once, within a Tokio runtime, when the queues of all known targets are registered.
    pub fn start(&self, outside: Outside) {
        let inner = &self.0;
        if inner.outside.set(outside).is_err() {
            return;
        }
        let (sender, receiver) = settler::channel();
        *inner.outcomes.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let wake = self.clone();
        let settler = settler::run(inner.log.clone(), receiver, move |queue, at| wake.wake_at(&queue, at));
        inner.keepers.spawn(settler);
        inner.keepers.spawn(self.clone().keep_time());
        inner.attempts.spawn(self.clone().keep_orphans());
        let queues: Vec<_> = self.queues().values().cloned().collect();
        for queue in queues {
            self.pump(&queue);
        }
    }

    /// Puts a target behind a queue, or replaces the one that was there. Takes effect for attempts that begin later.
    pub fn register(&self, plan: Plan) {
        match plan.dead_letters.clone() {
            Some(call) => self.put_behind(dead_letter_queue::plan(&plan.queue, call)),
            None => self.drop_dead_letter_queue(&plan.queue),
        }
        self.put_behind(plan);
    }

    fn put_behind(&self, plan: Plan) {
        let id = plan.queue.clone();
        let mut queues = self.0.queues.write().unwrap_or_else(PoisonError::into_inner);
        let queue = match queues.get(&id) {
            Some(queue) => {
                queue.plan.store(Arc::new(plan));
                queue.clone()
            }
            None => {
                let queue = Queue::new(plan, self.0.holds.of(&id));
                queues.insert(id, queue.clone());
                queue
            }
        };
        drop(queues);
        self.pump(&queue);
    }

    /// Takes the target away, and with it every delivery on its queue. Attempts under way end as they end.
    pub async fn unregister(&self, queue: &QueueId) -> Result<(), StoreError> {
        let _control = self.0.control.lock().await;
        self.close(queue);
        self.0.log.purge(queue).await?;
        self.close(&dead_letter_queue::queue_of(queue));
        dead_letter_queue::keep_what_is_left(self.0.log.as_ref(), queue, self.0.clock.now()).await?;
        self.0.holds.lift(self.0.metadata.as_ref(), queue).await
    }

    /// Gives back the memory that deliveries took.
    pub(crate) fn give_back<'d>(&self, deliveries: impl IntoIterator<Item = &'d Delivery>) {
        self.0.budget.give_back(deliveries.into_iter().map(bytes_of).sum());
    }

    /// Takes a queue out of memory; whether it was there.
    fn close(&self, queue: &QueueId) -> bool {
        let gone = self.0.queues.write().unwrap_or_else(PoisonError::into_inner).remove(queue);
        if let Some(gone) = &gone {
            self.give_back(&gone.window().close());
        }
        gone.is_some()
    }

    /// Stops delivering to the dead-letter queue of a target that has none any more.
    fn drop_dead_letter_queue(&self, target: &QueueId) {
        if !self.close(&dead_letter_queue::queue_of(target)) {
            return;
        }
        let (this, target) = (self.clone(), target.clone());
        self.0.attempts.spawn(async move { this.keep_dead_letters(&target).await });
    }

    /// What dead-letter queues are owed that no target names any more is kept here. Looked for once, at the start.
    async fn keep_orphans(self) {
        let queues = match self.0.log.queues().await {
            Ok(queues) => queues,
            Err(error) => {
                tracing::error!(error = %error, "cannot look for what dead-letter queues are owed");
                return;
            }
        };
        for target in queues.iter().filter_map(dead_letter_queue::target_of) {
            if self.registered(&dead_letter_queue::queue_of(&target)).is_none() {
                self.keep_dead_letters(&target).await;
            }
        }
    }

    async fn keep_dead_letters(&self, target: &QueueId) {
        let (log, now) = (self.0.log.as_ref(), self.0.clock.now());
        if let Err(error) = dead_letter_queue::keep_what_is_left(log, target, now).await {
            tracing::error!(queue = %target, error = %error, "cannot keep what a dead-letter queue was owed");
        }
    }

    /// Appends records and hands their deliveries to the queues. Durable when it returns.
    ///
    /// Runs to its end although the caller goes away: a committed lease whose holder is gone would delay a delivery.
    pub async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Seq>, StoreError> {
        let this = self.clone();
        let appended = tokio::spawn(async move { this.append_now(records).await }).await;
        appended.unwrap_or(Err(StoreError::Closed))
    }

    async fn append_now(&self, mut records: Vec<NewRecord>) -> Result<Vec<Seq>, StoreError> {
        let reserved: Vec<Reserved> = records.iter_mut().map(|record| self.reserve(record)).collect();
        let seqs = self.0.log.append(records.clone()).await?;
        for ((record, reserved), seq) in records.into_iter().zip(reserved).zip(&seqs) {
            reserved.hand_over(record, *seq);
        }
        Ok(seqs)
    }

    /// Promises places for the deliveries of a record and marks its routes as leased where there is one. After the
    /// record is committed, [`Reserved::hand_over`] fills them.
    pub fn reserve(&self, record: &mut NewRecord) -> Reserved {
        let bytes_each = record.body.len() + DELIVERY_BYTES;
        let until = self.0.clock.now().plus(self.0.options.lease);
        let queues = self.queues();
        let mut places = Vec::with_capacity(record.routes.len());
        for route in &mut record.routes {
            let Some(queue) = queues.get(&route.queue).cloned() else { continue };
            let at_once = route.not_before <= record.accepted_at;
            let leased = at_once && self.0.budget.take(bytes_each) && {
                let promised = queue.window().reserve(self.0.options.ready_count_max);
                if !promised {
                    self.0.budget.give_back(bytes_each);
                }
                promised
            };
            route.leased_until = leased.then_some(until);
            places.push(Place { queue, not_before: route.not_before, leased });
        }
        drop(queues);
        Reserved { dispatcher: self.clone(), places, bytes_each }
    }

    /// The queue that keeps the dead letters of a queue.
    pub fn dead_letters_of(queue: &QueueId) -> QueueId {
        attempt::dead_letters_of(queue)
    }

    /// Stops: starts no attempt, lets those under way finish within `grace`, stores their outcomes.
    pub async fn shut_down(&self, grace: Duration) {
        let inner = &self.0;
        inner.stop.cancel();
        inner.attempts.close();
        if tokio::time::timeout(grace, inner.attempts.wait()).await.is_err() {
            tracing::warn!(
                count = inner.attempts.len(),
                "attempts did not end in time; they will be made again"
            );
            inner.abort.cancel();
            inner.attempts.wait().await;
        }
        drop(inner.outcomes.lock().unwrap_or_else(PoisonError::into_inner).take());
        inner.keepers.close();
        inner.keepers.wait().await;
    }

    pub(crate) fn queues(&self) -> std::sync::RwLockReadGuard<'_, HashMap<QueueId, Arc<Queue>>> {
        self.0.queues.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what can be started, and reads from the store when the window runs low.
    pub(crate) fn pump(&self, queue: &Arc<Queue>) {
        let inner = &self.0;
        if inner.stop.is_cancelled() || inner.outside.get().is_none() {
            return;
        }
        let in_flight_max = queue.plan.load().concurrency.unwrap_or(inner.options.concurrency).get() as usize;
        let now = inner.clock.now();
        let mut window = queue.window();
        while let Some(delivery) = window.start_next(in_flight_max, now) {
            inner.attempts.spawn(self.clone().attempt(queue.clone(), delivery));
        }
        let surplus = window.take_surplus();
        // A tight budget still lets every queue have one: progress must not depend on other queues.
        let tight = inner.budget.left_bytes() < inner.options.ready_bytes_max / 8;
        let ready_count_max = if tight { 1 } else { inner.options.ready_count_max };
        let refill = window.begin_refill(ready_count_max);
        let look_again_at = window.pausing_until(now);
        drop(window);
        if !surplus.is_empty() {
            inner.attempts.spawn(self.clone().put_back(queue.clone(), surplus));
        }
        if let Some(at) = look_again_at {
            self.wake_at(queue, at);
        }
        if let Some(count) = refill {
            inner.attempts.spawn(self.clone().refill(queue.clone(), count));
        }
    }

    async fn refill(self, queue: Arc<Queue>, count: usize) {
        let inner = &self.0;
        let now = inner.clock.now();
        let leased = inner.log.lease(&queue.id, now, now.plus(inner.options.lease), count).await;
        match leased {
            Ok(deliveries) => {
                let more = deliveries.len() >= count;
                for delivery in &deliveries {
                    inner.budget.take_anyway(bytes_of(delivery));
                }
                queue.window().end_refill(deliveries, more);
                if !more {
                    self.note_next_due(&queue).await;
                }
            }
            Err(error) => {
                tracing::error!(queue = %queue.id, error = %error, "cannot read due deliveries, will try again");
                queue.window().end_refill(Vec::new(), false);
                self.wake_at(&queue, now.plus(READ_RETRY));
            }
        }
        self.pump(&queue);
    }

    async fn note_next_due(&self, queue: &Arc<Queue>) {
        let now = self.0.clock.now();
        match self.0.log.next_due(&queue.id, now).await {
            Ok(next) => {
                if let Some(at) = next.filter(|at| *at < Timestamp::MAX) {
                    self.wake_at(queue, at);
                }
            }
            Err(error) => {
                tracing::error!(queue = %queue.id, error = %error, "cannot read when the next delivery is due");
                self.wake_at(queue, now.plus(READ_RETRY));
            }
        }
    }

    async fn attempt(self, queue: Arc<Queue>, delivery: Delivery) {
        let inner = &self.0;
        let Some(outside) = inner.outside.get() else { return };
        let plan = queue.plan.load_full();
        let started_at = inner.clock.now();
        let made = tokio::select! {
            biased;
            () = inner.abort.cancelled() => return,
            made = attempt::make(&plan, &delivery, outside, started_at) => made,
        };
        let now = inner.clock.now();
        let too_old =
            plan.policy.age_max.is_some_and(|age_max| now.since(delivery.record.accepted_at) > age_max);
        if made.answer.verdict == Verdict::Throttled && !too_old {
            self.wait_for_room(&queue, delivery).await;
            return;
        }
        self.observe(&queue, &plan, &delivery, &made, now);
        let decision = attempt::decide(&plan, &delivery, &made, now, roll());
        if !made.record.succeeded {
            let (delivery, attempt) = (delivery.record.seq, made.record.number);
            let answer = made.answer.answer.as_str();
            tracing::debug!(queue = %queue.id, delivery.id = %delivery, attempt, answer, "attempt failed");
        }
        self.finish(&queue, &plan, delivery, made, decision).await;
        self.pump(&queue);
    }

    /// Tells who wants to know, then stores the outcome.
    async fn finish(
        &self,
        queue: &Arc<Queue>,
        plan: &Plan,
        delivery: Delivery,
        made: Made,
        decision: Decision,
    ) {
        let inner = &self.0;
        let Made { answer, record, sent: _ } = made;
        if let Some(epilogue) = plan.epilogue.as_ref().filter(|_| decision.ended) {
            let ending = Ending { attempt_count: record.number, answer };
            while let Err(error) = epilogue.ended(&delivery, &ending).await {
                tracing::error!(queue = %queue.id, error = %error, "cannot report the end of a delivery");
                if !error.is_retryable() || inner.stop.is_cancelled() {
                    // The lease stays: the delivery runs again after a restart, and its end is reported then.
                    inner.budget.give_back(bytes_of(&delivery));
                    queue.window().end();
                    return;
                }
                tokio::time::sleep(READ_RETRY).await;
            }
        }
        if decision.block {
            let note = inner.holds.put(inner.metadata.as_ref(), &queue.id, Hold::Blocked);
            if let Err(error) = note.await {
                tracing::error!(queue = %queue.id, error = %error, "cannot note that the target is blocked");
            }
            queue.window().hold(Hold::Blocked);
        }
        let then = match &decision.next {
            kulkul_store::NextState::Waiting { not_before, .. } => Some((queue.clone(), *not_before)),
            // To a dead-letter queue, when somebody delivers to it.
            kulkul_store::NextState::Moved { queue, not_before, .. } => {
                self.registered(queue).map(|queue| (queue, *not_before))
            }
            kulkul_store::NextState::Done => None,
        };
        let settlement = Settlement { delivery: delivery.id(), next: decision.next, attempt: Some(record) };
        inner.budget.give_back(bytes_of(&delivery));
        self.store_outcome(Outcome { settlement, then }).await;
        queue.window().end();
    }

    pub(crate) async fn store_outcome(&self, outcome: Outcome) {
        let sender = self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sender) = sender {
            // An error means that we are past the end of a shutdown; the delivery is then due again.
            drop(sender.send(outcome).await);
        }
    }

    /// Notes what an attempt says about its target.
    fn observe(&self, queue: &Arc<Queue>, plan: &Plan, delivery: &Delivery, made: &Made, now: Timestamp) {
        let mut window = queue.window();
        if made.record.succeeded {
            let in_flight_max = plan.concurrency.unwrap_or(self.0.options.concurrency).get() as usize;
            window.note_success(now, in_flight_max);
            return;
        }
        let telling = made.answer.verdict == Verdict::Failed && plan.policy.retry.is_protected();
        let failure = LastFailure {
            at: now,
            id: delivery.record.key.id.clone(),
            attempt: made.record.number,
            answer: made.answer.answer.clone(),
        };
        if let Some(until) = window.note_failure(failure, telling) {
            drop(window);
            tracing::warn!(queue = %queue.id, until = %until, "the target keeps failing and is left alone for a while");
            self.0.attempts.spawn(self.clone().give_up_overdue(queue.clone()));
        }
    }

    /// Ends leases without an attempt: the deliveries wait in the store, as they were.
    async fn put_back(self, queue: Arc<Queue>, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.0.budget.give_back(bytes_of(&delivery));
            let then = Some((queue.clone(), delivery.not_before));
            self.store_outcome(Outcome { settlement: attempt::put_back(&delivery), then }).await;
        }
    }

    /// Puts a delivery back because its target has no room, and looks again after a while.
    async fn wait_for_room(&self, queue: &Arc<Queue>, delivery: Delivery) {
        let wait = queue.window().throttle(delivery);
        if let Some(wait) = wait {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            queue.window().end_throttle();
            self.pump(queue);
        }
    }

    /// Has the timekeeper look at a queue at a time, unless it will do so earlier anyway.
    fn wake_at(&self, queue: &Arc<Queue>, at: Timestamp) {
        let mut window = queue.window();
        if window.wake_at.is_some_and(|earlier| earlier <= at) {
            return;
        }
        window.wake_at = Some(at);
        drop(window);
        let mut wakes = self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        let first = wakes.first_key_value().is_none_or(|(first, _)| at < *first);
        wakes.entry(at).or_default().push(queue.clone());
        drop(wakes);
        if first {
            self.0.earlier_wake.notify_one();
        }
    }

    /// Looks at each queue when its time has come. Runs until the dispatcher stops.
    async fn keep_time(self) {
        let inner = &self.0;
        loop {
            let now = inner.clock.now();
            for queue in self.take_woken(now) {
                let mut window = queue.window();
                window.wake_at = None;
                window.fall_behind();
                drop(window);
                self.pump(&queue);
            }
            let next = inner.wakes.lock().unwrap_or_else(PoisonError::into_inner).keys().next().copied();
            // Without anything to wait for there is no timer, so that a paused clock does not run away.
            let sleep = async {
                match next {
                    Some(at) => tokio::time::sleep(at.since(now).min(SLEEP_MAX)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = inner.stop.cancelled() => return,
                () = inner.earlier_wake.notified() => {}
                () = sleep => {}
            }
        }
    }

    fn take_woken(&self, now: Timestamp) -> Vec<Arc<Queue>> {
        let mut wakes = self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        let later = wakes.split_off(&Timestamp::from_millis(now.as_millis().saturating_add(1)));
        let due = std::mem::replace(&mut *wakes, later);
        due.into_values().flatten().collect()
    }
}

impl Reserved {
    /// Hands the deliveries of the committed record over. What had no place waits in the store.
    pub fn hand_over(mut self, record: NewRecord, seq: Seq) {
        let places = std::mem::take(&mut self.places);
        if places.is_empty() {
            return;
        }
        let NewRecord { key, trace_id, accepted_at, body, routes: _ } = record;
        let record = Arc::new(Record { seq, key, trace_id, accepted_at, body });
        for place in places {
            let mut window = place.queue.window();
            match place.leased {
                true => window.fill(Delivery {
                    queue: place.queue.id.clone(),
                    record: record.clone(),
                    not_before: place.not_before,
                    failed: 0,
                    note: None,
                }),
                false => window.fall_behind(),
            }
            drop(window);
            self.dispatcher.pump(&place.queue);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        for place in self.places.drain(..).filter(|place| place.leased) {
            place.queue.window().give_back_place();
            self.dispatcher.0.budget.give_back(self.bytes_each);
        }
    }
}

fn bytes_of(delivery: &Delivery) -> usize {
    delivery.record.body.len() + DELIVERY_BYTES
}

/// A random number in `[0, 1)`, of 53 bits.
fn roll() -> f64 {
    (uuid::Uuid::new_v4().as_u128() as u64 >> 11) as f64 / (1u64 << 53) as f64
}
