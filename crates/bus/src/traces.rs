//! Reading what happened to events.

use kulkul_model::BusName;
use kulkul_store::{LogName, Record, Seq, StoreError, TraceFilter, TracedRecord};

use crate::error::BusError;
use crate::hub::Hub;

/// How many acceptances of one event id a trace shows.
const SAME_ID_MAX: usize = 100;

/// How far the events that a search finds are counted: a million may have to be looked through for it, and that takes
/// some 20 ms where one in 200 is found.
const COUNTED_MAX: u64 = 500;

impl Hub {
    /// Everything known of the events with an id on a bus, newest first.
    pub async fn trace(&self, bus: &BusName, event_id: &str) -> Result<Vec<TracedRecord>, BusError> {
        let log = self.existing_bus(bus)?.log.clone();
        Ok(self.parts.traces.by_id(&log, event_id, SAME_ID_MAX).await?)
    }

    /// Everything known of a record; `None` when it is past retention.
    pub async fn trace_record(&self, record: &Record) -> Result<Option<TracedRecord>, StoreError> {
        self.parts.traces.by_place(record.seq).await
    }

    /// Whether there is an event of a source with an id on a bus, as far back as is kept.
    pub async fn has_event(&self, bus: &BusName, source: &str, id: &str) -> Result<bool, BusError> {
        let filter = TraceFilter {
            log: Some(self.existing_bus(bus)?.log.clone()),
            id: Some(id.to_owned()),
            source: Some(source.to_owned()),
            ..TraceFilter::default()
        };
        Ok(!self.parts.traces.search(&filter, None, 1).await?.is_empty())
    }

    /// The events of a bus that a filter finds, newest first and from the first after the place `after`, and how many
    /// there are in all, counted up to 500.
    pub async fn search(
        &self,
        bus: &BusName,
        filter: TraceFilter,
        after: Option<Seq>,
        max: usize,
    ) -> Result<(Vec<Record>, u64), BusError> {
        let log: LogName = self.existing_bus(bus)?.log.clone();
        let filter = TraceFilter { log: Some(log), ..filter };
        let total = self.parts.traces.count(&filter, COUNTED_MAX).await?;
        let found = self.parts.traces.search(&filter, after, max).await?;
        Ok((found, total))
    }
}
