//! The targets as people see them: what each of them is doing, and how they are paused and resumed.

use std::sync::Arc;

use kulkul_store::{QueueId, QueueStats, StoreError};

use crate::holds::Hold;
use crate::queue::{Queue, QueueState};
use crate::{Call, Dispatcher, Plan, Probe};

/// Everything known of one target.
#[derive(Clone)]
pub struct TargetReport {
    /// Its queue.
    pub queue: QueueId,
    /// What is called, and how it is tried.
    pub plan: Arc<Plan>,
    /// What it is doing.
    pub state: QueueState,
    /// What it is owed.
    pub stats: QueueStats,
    /// How many of its deliveries were given up and are kept.
    pub dead_letter_count: u64,
}

impl Dispatcher {
    /// The queues that have a target, by name, from the first after `after`.
    pub fn targets(&self, after: Option<&QueueId>) -> Vec<QueueId> {
        let queues = self.queues();
        let later = queues.keys().filter(|queue| after.is_none_or(|after| *queue > after));
        let mut names: Vec<QueueId> = later.cloned().collect();
        drop(queues);
        names.sort();
        names
    }

    /// What a queue is doing; `None` when no target is behind it.
    pub fn queue_state(&self, queue: &QueueId) -> Option<QueueState> {
        Some(self.registered(queue)?.window().state())
    }

    /// Everything known of a target; `None` when there is none. Takes time in proportion to what it is owed.
    pub async fn target(&self, queue: &QueueId) -> Result<Option<TargetReport>, StoreError> {
        let Some(found) = self.registered(queue) else { return Ok(None) };
        let now = self.0.clock.now();
        let stats = self.0.log.queue_stats(queue, now).await?;
        let dead = self.0.log.queue_stats(&Self::dead_letters_of(queue), now).await?;
        let state = found.window().state();
        let (queue, plan) = (queue.clone(), found.plan.load_full());
        Ok(Some(TargetReport { queue, plan, state, stats, dead_letter_count: dead.pending }))
    }

    /// Pauses a target: attempts under way end as they end, everything else waits in the store, over a restart too.
    ///
    /// `Ok(false)` when there is no such target. Harmless when it is paused already.
    pub async fn pause(&self, queue: &QueueId) -> Result<bool, StoreError> {
        let _control = self.0.control.lock().await;
        let Some(found) = self.registered(queue) else { return Ok(false) };
        self.0.holds.put(self.0.metadata.as_ref(), queue, Hold::Paused).await?;
        found.window().hold(Hold::Paused);
        // What waits in memory goes back into the store.
        self.pump(&found);
        Ok(true)
    }

    /// Lets a target go on that is paused or blocked, and probes one at once that is parked. The delivery that blocked
    /// it is tried first, with all its attempts.
    ///
    /// `Ok(false)` when there is no such target. Harmless when nothing holds it back.
    pub async fn resume(&self, queue: &QueueId) -> Result<bool, StoreError> {
        let _control = self.0.control.lock().await;
        let Some(found) = self.registered(queue) else { return Ok(false) };
        self.0.holds.lift(self.0.metadata.as_ref(), queue).await?;
        found.window().resume(self.0.clock.now());
        self.pump(&found);
        Ok(true)
    }

    /// Whether events can be owed to a target; `None` when there is none.
    pub fn takes_events(&self, queue: &QueueId) -> Option<bool> {
        let plan = self.registered(queue)?.plan.load_full();
        Some(!matches!(plan.call, Call::Invocation { .. }))
    }

    /// Looks at a queue onto which something was moved.
    pub(crate) fn look_at(&self, queue: &QueueId, probe: Probe) {
        let Some(found) = self.registered(queue) else { return };
        match probe {
            Probe::AtOnce => found.window().probe_now(self.0.clock.now()),
            Probe::InTurn => found.window().fall_behind(),
        }
        self.pump(&found);
    }

    pub(crate) fn registered(&self, queue: &QueueId) -> Option<Arc<Queue>> {
        self.queues().get(queue).cloned()
    }
}
