//! Reading what happened to events.

use kulkul_model::BusName;
use kulkul_store::{LogName, Record, StoreError, TraceFilter, TracedRecord};

use crate::error::BusError;
use crate::hub::Hub;

/// How many acceptances of one event id a trace shows.
const SAME_ID_MAX: usize = 100;

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
        Ok(!self.parts.traces.search(&filter, 0, 1).await?.is_empty())
    }

    /// The events of a bus that a filter finds, newest first, and how many there are, counted up to 10,000.
    pub async fn search(
        &self,
        bus: &BusName,
        filter: TraceFilter,
        offset: usize,
        max: usize,
    ) -> Result<(Vec<Record>, u64), BusError> {
        let log: LogName = self.existing_bus(bus)?.log.clone();
        let filter = TraceFilter { log: Some(log), ..filter };
        let total = self.parts.traces.count(&filter, 10_000).await?;
        let found = self.parts.traces.search(&filter, offset, max).await?;
        Ok((found, total))
    }
}
