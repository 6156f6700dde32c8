//! Which instances there are, and who gets one: pure bookkeeping, no clock, no process.

use std::collections::HashMap;
use std::sync::Arc;

use kulkul_model::{FunctionName, Timestamp};

use crate::call::InstanceId;
use crate::spec::{InstanceSpec, RevisionId};

/// All instances of this server. `B` is what an instance is; the bookkeeping does not look into it.
pub(crate) struct Pools<B> {
    revisions: HashMap<RevisionId, Revision<B>>,
    /// Instances per function, those that are being started included.
    per_function: HashMap<FunctionName, usize>,
    function_limits: HashMap<FunctionName, usize>,
    total: usize,
    instances_max: usize,
}

struct Revision<B> {
    members: Vec<Member<B>>,
    starting: usize,
    retired: bool,
}

/// One instance.
pub(crate) struct Member<B> {
    pub(crate) id: InstanceId,
    pub(crate) spec: Arc<InstanceSpec>,
    pub(crate) created: Timestamp,
    pub(crate) body: B,
    /// Requests that it is serving.
    pub(crate) active: usize,
    /// When it last became free; its creation until then.
    pub(crate) idle_since: Timestamp,
    /// Whether it gets no further requests and ends when the last one has.
    pub(crate) leaving: bool,
}

/// What a request gets.
pub(crate) enum Decision<B> {
    /// A slot of this instance.
    Use(InstanceId, B),
    /// The right to start one; an instance that nobody needs may have to go first.
    Start { evicted: Option<Member<B>> },
    /// Nothing: the function has all instances it may have.
    FunctionFull(usize),
    /// Nothing: the server has all instances it may have, and all are busy.
    Full(usize),
}

impl<B: Clone> Pools<B> {
    pub(crate) fn new(instances_max: usize) -> Self {
        let (revisions, per_function, function_limits) = Default::default();
        Self { revisions, per_function, function_limits, total: 0, instances_max }
    }

    /// Takes a slot: in the oldest instance that has one, so that those not needed grow old and leave.
    pub(crate) fn take(&mut self, spec: &InstanceSpec) -> Decision<B> {
        let slots = spec.slots();
        let members = self.revisions.get_mut(&spec.revision).map(|revision| revision.members.iter_mut());
        if let Some(free) = members.into_iter().flatten().find(|m| !m.leaving && m.active < slots) {
            free.active += 1;
            return Decision::Use(free.id.clone(), free.body.clone());
        }
        let of_function = self.per_function.get(&spec.function).copied().unwrap_or(0);
        let limit = self.function_limits.get(&spec.function).copied();
        if let Some(limit) = limit.filter(|limit| of_function >= *limit) {
            return match self.evict(Some(&spec.function)) {
                Some(evicted) => self.reserve(spec, Some(evicted)),
                None => Decision::FunctionFull(limit),
            };
        }
        if self.total >= self.instances_max {
            return match self.evict(None) {
                Some(evicted) => self.reserve(spec, Some(evicted)),
                None => Decision::Full(self.instances_max),
            };
        }
        self.reserve(spec, None)
    }

    fn reserve(&mut self, spec: &InstanceSpec, evicted: Option<Member<B>>) -> Decision<B> {
        let revision = self.revisions.entry(spec.revision.clone()).or_insert_with(Revision::empty);
        revision.starting += 1;
        self.total += 1;
        *self.per_function.entry(spec.function.clone()).or_default() += 1;
        Decision::Start { evicted }
    }

    /// The instance that was reserved is there, and serves its first request.
    pub(crate) fn started(&mut self, member: Member<B>) {
        let revision = self.revisions.entry(member.spec.revision.clone()).or_insert_with(Revision::empty);
        revision.starting = revision.starting.saturating_sub(1);
        revision.members.push(member);
    }

    /// The instance that was reserved did not start.
    pub(crate) fn not_started(&mut self, spec: &InstanceSpec) {
        if let Some(revision) = self.revisions.get_mut(&spec.revision) {
            revision.starting = revision.starting.saturating_sub(1);
        }
        self.forget(spec);
    }

    /// A request has ended. Returns the instance when it was the last one of an instance that has to leave.
    pub(crate) fn give_back(
        &mut self,
        spec: &InstanceSpec,
        id: &InstanceId,
        reusable: bool,
        now: Timestamp,
    ) -> Option<Member<B>> {
        let revision = self.revisions.get_mut(&spec.revision)?;
        let index = revision.members.iter().position(|member| member.id == *id)?;
        let member = &mut revision.members[index];
        member.active = member.active.saturating_sub(1);
        member.idle_since = now;
        member.leaving |= !reusable || revision.retired;
        let ends = member.leaving && member.active == 0;
        ends.then(|| self.remove(&spec.revision.clone(), index))
    }

    /// No request goes to this revision's instances any more. Returns those that serve none; the others are returned
    /// by [`give_back`](Self::give_back).
    pub(crate) fn retire(&mut self, revision: &RevisionId) -> Vec<Member<B>> {
        if let Some(revision) = self.revisions.get_mut(revision) {
            revision.retired = true;
            revision.members.iter_mut().for_each(|member| member.leaving = true);
        }
        self.remove_where(|member| member.spec.revision == *revision && member.active == 0)
    }

    /// Takes out the instances that have been free for longer than `keep` allows them.
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        keep: impl Fn(&InstanceSpec) -> std::time::Duration,
    ) -> Vec<Member<B>> {
        self.remove_where(|member| member.active == 0 && now.since(member.idle_since) >= keep(&member.spec))
    }

    /// Takes out every instance that serves no request and of which `which` holds.
    pub(crate) fn take_idle(&mut self, which: impl Fn(&Member<B>) -> bool) -> Vec<Member<B>> {
        self.remove_where(|member| member.active == 0 && which(member))
    }

    /// Sets how many instances a function may have; `None` for no limit of its own.
    pub(crate) fn limit(&mut self, function: &FunctionName, limit: Option<usize>) {
        match limit {
            Some(limit) => self.function_limits.insert(function.clone(), limit),
            None => self.function_limits.remove(function),
        };
    }

    /// All instances.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member<B>> {
        self.revisions.values().flat_map(|revision| &revision.members)
    }

    /// How many there are, those that are being started included.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Takes out the instance that has been free for longest, of one function or of any.
    fn evict(&mut self, function: Option<&FunctionName>) -> Option<Member<B>> {
        let of = |member: &&Member<B>| function.is_none_or(|function| member.spec.function == *function);
        let free = self.members().filter(|member| member.active == 0).filter(of);
        let oldest = free.min_by_key(|member| member.idle_since)?.id.clone();
        self.remove_where(|member| member.id == oldest).pop()
    }

    fn remove_where(&mut self, leaves: impl Fn(&Member<B>) -> bool) -> Vec<Member<B>> {
        let mut removed = Vec::new();
        for revision in self.revisions.values_mut() {
            removed.extend(revision.members.extract_if(.., |member| leaves(member)));
        }
        for member in &removed {
            self.forget(&member.spec);
        }
        removed
    }

    fn remove(&mut self, revision: &RevisionId, index: usize) -> Member<B> {
        let members = self.revisions.get_mut(revision).map(|revision| &mut revision.members);
        let member = members.expect("the caller has just found the instance there").remove(index);
        self.forget(&member.spec);
        member
    }

    fn forget(&mut self, spec: &InstanceSpec) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.per_function.get_mut(&spec.function) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_function.remove(&spec.function);
            }
        }
        let gone = |revision: &Revision<B>| revision.members.is_empty() && revision.starting == 0;
        if self.revisions.get(&spec.revision).is_some_and(gone) {
            self.revisions.remove(&spec.revision);
        }
    }
}

impl<B> Revision<B> {
    fn empty() -> Self {
        Self { members: Vec::new(), starting: 0, retired: false }
    }
}
