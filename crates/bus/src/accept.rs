//! Accepting events: check, enrich, match, commit, hand over.

use std::sync::Arc;

use kulkul_delivery::Reserved;
use kulkul_model::{BusName, Draft, Enrichment, Event, EventError, EventLimits, Timestamp, TraceId};
use kulkul_store::{NewRecord, RecordKey, Route, Seq};

use crate::error::AcceptError;
use crate::hub::{Bus, Hub};

/// What the producer of an accepted event is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The id that the producer chose.
    pub event_id: String,
    /// The id under which this acceptance can be traced.
    pub trace_id: TraceId,
}

/// An event that is checked and matched, and that somebody else's commit will store.
///
/// Whoever holds it commits [`Prepared::record`] and then calls [`Prepared::committed`]. Dropping it without a
/// commit is harmless.
pub struct Prepared {
    bus: Arc<Bus>,
    record: NewRecord,
    reserved: Reserved,
}

impl Hub {
    /// Accepts events on a bus, each by itself. They are durable when this returns.
    ///
    /// The answers are in order. An `Err` in `drafts` is an event that could not be read; it is answered like any other
    /// refusal.
    pub async fn accept(
        &self,
        bus: &BusName,
        drafts: Vec<Result<Draft<'_>, EventError>>,
        sender: &str,
    ) -> Result<Vec<Result<Acceptance, EventError>>, AcceptError> {
        let bus = self.accepting_bus(bus)?;
        let now = self.parts.clock.now();
        let limits = self.parts.options.event;
        let events = drafts.into_iter();
        let events = events.map(|draft| self.enrich(&bus, draft?, sender, now, &limits)).collect();
        self.store(&bus, events, now).await
    }

    /// As [`accept`](Self::accept), but one bad event refuses all of them: nothing is stored then.
    pub async fn accept_whole(
        &self,
        bus: &BusName,
        drafts: Vec<Result<Draft<'_>, EventError>>,
        sender: &str,
    ) -> Result<Result<Vec<Acceptance>, EventError>, AcceptError> {
        let bus = self.accepting_bus(bus)?;
        let now = self.parts.clock.now();
        let limits = self.parts.options.event;
        let events = drafts.into_iter();
        let events: Result<Vec<Event>, EventError> =
            events.map(|draft| self.enrich(&bus, draft?, sender, now, &limits)).collect();
        match events {
            Ok(events) => {
                let answers = self.store(&bus, events.into_iter().map(Ok).collect(), now).await?;
                Ok(answers.into_iter().collect())
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Matches and stores the good ones among these events.
    async fn store(
        &self,
        bus: &Arc<Bus>,
        events: Vec<Result<Event, EventError>>,
        now: Timestamp,
    ) -> Result<Vec<Result<Acceptance, EventError>>, AcceptError> {
        if let Some(remembered) = bus.remembered() {
            return Ok(Box::pin(self.accept_once(bus, &remembered, events, now)).await?);
        }
        let mut records = Vec::with_capacity(events.len());
        let mut answers = Vec::with_capacity(events.len());
        for event in events {
            answers.push(event.map(|event| {
                let record = route(bus, &event, now);
                let accepted = Acceptance { event_id: event.id().to_owned(), trace_id: record.trace_id };
                records.push(record);
                accepted
            }));
        }
        if !records.is_empty() {
            self.parts.dispatcher.append(records).await?;
        }
        Ok(answers)
    }

    /// Checks and matches an event of this server itself, which is to be stored in another commit than the hub's own.
    pub fn prepare(
        &self,
        bus: &BusName,
        draft: Draft<'_>,
        sender: &str,
    ) -> Result<Result<Prepared, EventError>, AcceptError> {
        let bus = self.accepting_bus(bus)?;
        let now = self.parts.clock.now();
        let limits = self.parts.options.event.own_events();
        Ok(self.enrich(&bus, draft, sender, now, &limits).map(|event| {
            let mut record = route(&bus, &event, now);
            let reserved = self.parts.dispatcher.reserve(&mut record);
            Prepared { bus: bus.clone(), record, reserved }
        }))
    }

    fn accepting_bus(&self, name: &BusName) -> Result<Arc<Bus>, AcceptError> {
        self.bus(name).ok_or_else(|| AcceptError::UnknownBus { bus: name.clone() })
    }

    fn enrich(
        &self,
        bus: &Bus,
        draft: Draft<'_>,
        sender: &str,
        now: Timestamp,
        limits: &EventLimits,
    ) -> Result<Event, EventError> {
        let identity = &self.parts.identity;
        let add = Enrichment {
            account: &identity.account,
            bus: &bus.name,
            region: &identity.region,
            received_at: now,
            sender,
            via: "",
        };
        draft.accept(&add, limits)
    }
}

impl Prepared {
    /// What has to be committed.
    pub fn record(&self) -> &NewRecord {
        &self.record
    }

    /// Hands the deliveries over after the commit that stored the record at `seq`.
    pub fn committed(self, seq: Seq) {
        if let Some(remembered) = self.bus.remembered() {
            remembered.add(&self.record);
        }
        self.reserved.hand_over(self.record, seq);
    }
}

/// Matches an event against the rules of its bus.
pub(crate) fn route(bus: &Bus, event: &Event, now: Timestamp) -> NewRecord {
    let mut matched = Vec::new();
    bus.index.matching(event.json(), &mut matched);
    let queues = matched.iter().flat_map(|rule| rule.queues.iter());
    let routes =
        queues.map(|queue| Route { queue: queue.clone(), not_before: now, leased_until: None }).collect();
    NewRecord {
        key: RecordKey {
            log: bus.log.clone(),
            id: event.id().to_owned(),
            source: event.source().to_owned(),
            kind: event.kind().to_owned(),
            subject: event.subject().unwrap_or_default().to_owned(),
        },
        trace_id: TraceId::random(),
        accepted_at: now,
        body: event.json().clone(),
        routes,
    }
}
