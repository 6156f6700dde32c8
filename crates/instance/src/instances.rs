//! The instances of this server: who gets one, and what becomes of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use kulkul_model::{FunctionName, RequestId, Timestamp};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::builtin::{Builtin, Ended};
use crate::call::{Call, Completed, InstanceId, LogTail, Start};
use crate::config::InstancesConfig;
use crate::custom::Custom;
use crate::error::InvokeError;
use crate::interpreter::Interpreters;
use crate::isolation::Isolation;
use crate::log::LogSink;
use crate::memory::Vitals;
use crate::pool::{Decision, Member, Pools};
use crate::spec::{InstanceSpec, RevisionId};
use crate::start::{Body, StartError, Starter};

/// How often instances are looked through for those that nobody needs any more.
const SWEEP_PERIOD: Duration = Duration::from_millis(500);

/// Runs functions. A handle: clones share the same instances.
#[derive(Clone)]
pub struct Instances {
    inner: Arc<Inner>,
}

struct Inner {
    config: InstancesConfig,
    starter: Starter,
    state: Mutex<State>,
    /// Told whenever a slot may have become free.
    freed: Notify,
    /// Hooks that run while instances stop.
    stops: TaskTracker,
}

struct State {
    pools: Pools<Shared>,
    stopping: bool,
}

/// What the bookkeeping holds of an instance.
#[derive(Clone)]
enum Shared {
    Builtin {
        /// Empty while an invocation has it.
        place: Arc<Mutex<Option<Box<Builtin>>>>,
        vitals: Arc<Vitals>,
    },
    Custom(Arc<Custom>),
}

impl Shared {
    fn vitals(&self) -> &Vitals {
        match self {
            Shared::Builtin { vitals, .. } => vitals,
            Shared::Custom(custom) => custom.vitals(),
        }
    }
}

/// One instance, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Its id.
    pub id: InstanceId,
    /// The function it is a copy of.
    pub function: FunctionName,
    /// The revision of the function.
    pub revision: RevisionId,
    /// The published version, or `LATEST`.
    pub version_id: String,
    /// When it became ready.
    pub created: Timestamp,
    /// The number of its process.
    pub pid: i32,
    /// What it does.
    pub state: InstanceState,
}

/// What an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// It waits for requests.
    Idle,
    /// It serves this many requests.
    Busy(usize),
    /// It serves its last requests, this many.
    Leaving(usize),
}

impl Instances {
    /// Prepares the directory of the instances, and starts what looks after them.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the directory or a thread cannot be made.
    pub fn new(config: InstancesConfig, sink: Arc<dyn LogSink>) -> std::io::Result<Self> {
        let starter = Starter::new(config.clone(), sink)?;
        let state = State { pools: Pools::new(config.instances_max), stopping: false };
        let (state, freed, stops) = (Mutex::new(state), Notify::new(), TaskTracker::new());
        let inner = Arc::new(Inner { config, starter, state, freed, stops });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Runs one invocation, in an instance that is there or in a new one.
    ///
    /// Dropping the future cancels the invocation: its instance is thrown away and the log says so.
    ///
    /// # Errors
    /// When the platform refuses or fails; what the function does wrong is in [`Completed::outcome`].
    pub async fn invoke(&self, spec: &Arc<InstanceSpec>, mut call: Call) -> Result<Completed, InvokeError> {
        if spec.slots() > 1 {
            call.log_tail = LogTail::None; // Lines of several requests cannot be told apart.
        }
        let deadline = Instant::now() + self.inner.config.slot_wait;
        loop {
            match self.take_slot(spec, deadline).await? {
                Slot::Warm(lease) => {
                    // It may have died while it was idle; then nobody has to know.
                    if lease.has_ended() {
                        lease.finish(false);
                        continue;
                    }
                    return lease.run(&call, Start::Warm).await;
                }
                Slot::Cold(reservation) => return reservation.start_and_run(&call).await,
            }
        }
    }

    /// Sets how many instances a function may have; `None` for no limit but the server's.
    pub fn limit_function(&self, function: &FunctionName, limit: Option<usize>) {
        self.inner.lock().pools.limit(function, limit);
    }

    /// Stops the instances of a revision: those that serve requests after these, the others now.
    pub fn retire(&self, revision: &RevisionId) {
        let idle = self.inner.lock().pools.retire(revision);
        self.inner.stop_all(idle);
    }

    /// The interpreters of this machine, which are looked for at the first call.
    pub async fn interpreters(&self) -> &Interpreters {
        self.inner.starter.interpreters().await
    }

    /// The layers of isolation that are in force, which are tried out at the first call.
    ///
    /// # Errors
    /// When nothing could be tried out.
    pub async fn isolation(&self) -> Result<&Isolation, InvokeError> {
        self.inner.starter.isolation().await
    }

    /// All instances that are ready.
    pub fn list(&self) -> Vec<InstanceInfo> {
        self.inner.lock().pools.members().map(info).collect()
    }

    /// Lets the requests under way end within `grace`, runs the hooks of the instances, and stops them all.
    ///
    /// New invocations are refused from now on. Those that are not done after `grace` fail.
    pub async fn shutdown(&self, grace: Duration) {
        self.inner.lock().stopping = true;
        let inner = &self.inner;
        let drained = async {
            loop {
                let freed = inner.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                let idle = inner.lock().pools.take_idle(|_| true);
                inner.stop_all(idle);
                if inner.lock().pools.total() == 0 {
                    break;
                }
                freed.await;
            }
            inner.stops.close();
            inner.stops.wait().await;
        };
        if tokio::time::timeout(grace, drained).await.is_err() {
            let state = inner.lock();
            tracing::warn!(
                count = state.pools.total(),
                "instances were still busy at the end of the grace period"
            );
            state.pools.members().for_each(|member| member.body.vitals().kill());
        }
    }

    async fn take_slot(&self, spec: &Arc<InstanceSpec>, deadline: Instant) -> Result<Slot, InvokeError> {
        loop {
            let freed = self.inner.freed.notified();
            let refusal = match self.try_take_slot(spec) {
                Ok(slot) => return Ok(slot),
                Err(refusal) => refusal,
            };
            let waited = tokio::time::timeout_at(deadline.into(), freed);
            if matches!(refusal, InvokeError::Stopping) || waited.await.is_err() {
                return Err(refusal);
            }
        }
    }

    fn try_take_slot(&self, spec: &Arc<InstanceSpec>) -> Result<Slot, InvokeError> {
        let decision = {
            let mut state = self.inner.lock();
            if state.stopping {
                return Err(InvokeError::Stopping);
            }
            state.pools.take(spec)
        };
        let inner = self.inner.clone();
        match decision {
            Decision::Use(id, body) => Ok(Slot::Warm(Lease::new(inner, spec.clone(), id, body))),
            Decision::Start { evicted } => {
                self.inner.stop_all(evicted.into_iter().collect());
                Ok(Slot::Cold(Reservation { inner, spec: spec.clone(), fulfilled: false }))
            }
            Decision::FunctionFull(limit) => {
                Err(InvokeError::FunctionResourceExhausted { function: spec.function.clone(), limit })
            }
            Decision::Full(limit) => Err(InvokeError::ResourceExhausted { limit }),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; the bookkeeping is whole between any two calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the hooks of these instances and drops them.
    fn stop_all(&self, members: Vec<Member<Shared>>) {
        if members.is_empty() {
            return; // Waking those who wait for a change, for none, would have them go round in circles.
        }
        for member in members {
            match &member.spec.pre_stop {
                None => drop(member),
                Some(_) => drop(self.stops.spawn(stop(member))),
            }
        }
        self.freed.notify_waiters();
    }
}

impl Inner {
    /// Stops the idle instances that hold a port; returns whether there were any.
    async fn free_port(&self, port: u16) -> bool {
        let holds = |member: &Member<Shared>| match &member.body {
            Shared::Builtin { .. } => false,
            Shared::Custom(custom) => custom.port() == port,
        };
        let idle = self.lock().pools.take_idle(holds);
        let found = !idle.is_empty();
        for member in idle {
            stop(member).await;
        }
        found
    }
}

async fn stop(member: Member<Shared>) {
    let Some(hook) = &member.spec.pre_stop else { return };
    let id = RequestId::new(Timestamp::now());
    match &member.body {
        Shared::Builtin { place, .. } => {
            let body = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(mut builtin) = body {
                builtin.pre_stop(hook, &id).await;
            }
        }
        Shared::Custom(custom) => custom.pre_stop(hook, &id).await,
    }
}

/// Stops instances that have been idle for too long, until the handle is gone.
async fn sweep(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(SWEEP_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let keep = |spec: &InstanceSpec| spec.idle_timeout.unwrap_or(inner.config.idle_timeout);
        let expired = inner.lock().pools.expire(Timestamp::now(), keep);
        if !expired.is_empty() {
            inner.stop_all(expired);
        }
    }
}

fn info(member: &Member<Shared>) -> InstanceInfo {
    InstanceInfo {
        id: member.id.clone(),
        function: member.spec.function.clone(),
        revision: member.spec.revision.clone(),
        version_id: member.spec.version_id.clone(),
        created: member.created,
        pid: member.body.vitals().pid(),
        state: match (member.leaving, member.active) {
            (true, active) => InstanceState::Leaving(active),
            (false, 0) => InstanceState::Idle,
            (false, active) => InstanceState::Busy(active),
        },
    }
}

enum Slot {
    Warm(Lease),
    Cold(Reservation),
}

/// The right to start one instance. Dropping it gives the right back.
struct Reservation {
    inner: Arc<Inner>,
    spec: Arc<InstanceSpec>,
    fulfilled: bool,
}

impl Reservation {
    async fn start_and_run(mut self, call: &Call) -> Result<Completed, InvokeError> {
        let begun = Instant::now();
        let id = InstanceId::new(Timestamp::now());
        let mut started = self.inner.starter.start(&self.spec, &id, call).await;
        if let Err(StartError::Platform(InvokeError::PortBusy { port })) = &started {
            let freed = self.inner.free_port(*port).await;
            if freed {
                started = self.inner.starter.start(&self.spec, &id, call).await;
            }
        }
        let start = Start::Cold(begun.elapsed());
        match started {
            Ok(body) => self.fulfil(id, body).run(call, start).await,
            Err(StartError::Platform(error)) => Err(error),
            Err(StartError::Function { error, memory, log_tail }) => Ok(Completed {
                outcome: Err(error),
                duration: begun.elapsed(),
                memory_max: memory,
                instance: id,
                start,
                log_tail: log_tail
                    .filter(|_| call.log_tail == LogTail::Tail)
                    .map(|tail| tail + &crate::log::summary(begun.elapsed(), self.spec.memory_mib, memory)),
            }),
        }
    }

    /// The instance is there, and serves its first request.
    fn fulfil(&mut self, id: InstanceId, body: Body) -> Lease {
        self.fulfilled = true;
        let (shared, held) = match body {
            Body::Builtin(builtin) => {
                let vitals = builtin.vitals.clone();
                (Shared::Builtin { place: Arc::default(), vitals }, Held::Builtin(builtin))
            }
            Body::Custom(custom) => (Shared::Custom(custom.clone()), Held::Custom(custom)),
        };
        let now = Timestamp::now();
        self.inner.lock().pools.started(Member {
            id: id.clone(),
            spec: self.spec.clone(),
            created: now,
            body: shared.clone(),
            active: 1,
            idle_since: now,
            leaving: false,
        });
        Lease { inner: self.inner.clone(), spec: self.spec.clone(), id, shared, held: Some(held) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.fulfilled {
            self.inner.lock().pools.not_started(&self.spec);
            self.inner.freed.notify_waiters();
        }
    }
}

/// A slot of an instance. Dropping it before [`finish`](Self::finish) throws the instance away.
struct Lease {
    inner: Arc<Inner>,
    spec: Arc<InstanceSpec>,
    id: InstanceId,
    shared: Shared,
    held: Option<Held>,
}

/// What a lease runs its invocation in.
enum Held {
    Builtin(Box<Builtin>),
    Custom(Arc<Custom>),
}

impl Lease {
    fn new(inner: Arc<Inner>, spec: Arc<InstanceSpec>, id: InstanceId, shared: Shared) -> Self {
        let held = match &shared {
            Shared::Builtin { place, .. } => {
                let builtin = place.lock().unwrap_or_else(PoisonError::into_inner).take();
                Held::Builtin(builtin.expect("a free instance is in its place"))
            }
            Shared::Custom(custom) => Held::Custom(custom.clone()),
        };
        Self { inner, spec, id, shared, held: Some(held) }
    }

    fn has_ended(&self) -> bool {
        match &self.held {
            Some(Held::Builtin(builtin)) => builtin.running.process().has_ended(),
            Some(Held::Custom(custom)) => custom.running().process().has_ended(),
            None => true,
        }
    }

    async fn run(mut self, call: &Call, start: Start) -> Result<Completed, InvokeError> {
        let held = self.held.as_mut().expect("only `finish` and `drop` take it");
        let (ended, memory, tail) = match held {
            Held::Builtin(builtin) => {
                let ended = builtin.invoke(&self.spec, call).await;
                (ended, builtin.vitals.peak(), builtin.log.end(&call.request_id))
            }
            Held::Custom(custom) => {
                let ended = custom.invoke(&self.spec, call).await;
                (ended, custom.memory(), custom.end_log(&call.request_id))
            }
        };
        let instance = self.id.clone();
        let memory_mib = self.spec.memory_mib;
        self.finish(ended.as_ref().is_ok_and(|ended| ended.reusable));
        let Ended { outcome, duration, .. } = ended?;
        let log_tail = tail.map(|tail| tail + &crate::log::summary(duration, memory_mib, memory));
        Ok(Completed { outcome, duration, memory_max: memory, instance, start, log_tail })
    }

    /// Gives the slot back.
    fn finish(mut self, reusable: bool) {
        self.give_back(reusable);
    }

    fn give_back(&mut self, reusable: bool) {
        let Some(held) = self.held.take() else { return };
        match (held, &self.shared) {
            (Held::Builtin(builtin), Shared::Builtin { place, .. }) if reusable => {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(builtin);
            }
            (held, _) => drop(held), // Ends the process of a built-in runtime.
        }
        let mut state = self.inner.lock();
        let leaving = state.pools.give_back(&self.spec, &self.id, reusable, Timestamp::now());
        drop(state);
        match leaving {
            // After a failure there is nobody left to run a hook in.
            Some(member) if reusable => self.inner.stop_all(vec![member]),
            Some(member) => drop(member),
            None => {}
        }
        self.inner.freed.notify_waiters();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back(false);
    }
}
