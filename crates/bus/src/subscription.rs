//! Subscriptions of this server itself: what it must see of a bus, although no rule asks for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kulkul_model::BusName;
use kulkul_pattern::Pattern;
use kulkul_store::QueueId;

use crate::error::BusError;
use crate::hub::{Hub, Matched};

impl Hub {
    /// Owes every event of a bus that matches a pattern to a queue as well, in the commit that accepts it.
    ///
    /// No target is behind the queue and the dispatcher does not know it: whoever subscribes leases from it. The
    /// subscription lasts as long as the hub in memory, what it was owed lasts until it is settled.
    pub fn subscribe(&self, bus: &BusName, queue: QueueId, pattern: &str) -> Result<(), BusError> {
        let bus = self.existing_bus(bus)?;
        let pattern = Arc::new(Pattern::parse(pattern, &self.options().pattern)?);
        let number = self.matched_numbers.fetch_add(1, Ordering::Relaxed);
        bus.index.insert(Matched { number, queues: Arc::new([queue]) }, pattern)?;
        Ok(())
    }
}
