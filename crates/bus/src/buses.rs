//! Creating, reading, changing and deleting buses.

use std::sync::PoisonError;

use kulkul_model::BusName;
use kulkul_store::StoreError;

use crate::document::{bus_key, write_bus};
use crate::error::BusError;
use crate::hub::{BusInfo, BusSettings, Hub, check_length};
use crate::log_name;
use crate::rule::is_on_bus;

/// Source: EventBridge 2020-04-01, names and limits.
const DESCRIPTION_CHARS_MAX: usize = 255;

/// What the names of the service's own buses and rules start with.
///
/// Source: EventBridge 2020-04-01, names and limits.
pub const RESERVED_PREFIX: &str = "eventbridge-reserved-";

impl Hub {
    /// Creates a bus.
    pub async fn create_bus(&self, name: BusName, description: String) -> Result<BusInfo, BusError> {
        check_length("the description", &description, DESCRIPTION_CHARS_MAX)?;
        let _control = self.control.lock().await;
        if name.is_default() {
            return Err(BusError::DefaultBus);
        }
        if name.as_str().starts_with(RESERVED_PREFIX) {
            return Err(BusError::ReservedBusName { bus: name });
        }
        if self.bus(&name).is_some() {
            return Err(BusError::BusExists { bus: name });
        }
        self.drop_leftovers(&name).await?;
        let (created_at, settings) = (self.parts.clock.now(), BusSettings::default());
        let info = BusInfo { name, description, created_at, settings };
        let log = log_name::fresh(&info.name);
        let revision = self.parts.metadata.create(&bus_key(&info.name), write_bus(&info, &log)).await?;
        self.show_bus(info.clone(), log, revision);
        Ok(info)
    }

    /// What is known of a bus.
    pub fn get_bus(&self, name: &BusName) -> Result<BusInfo, BusError> {
        Ok(self.existing_bus(name)?.info().0)
    }

    /// Changes the description of a bus.
    pub async fn update_bus(&self, name: &BusName, description: String) -> Result<(), BusError> {
        check_length("the description", &description, DESCRIPTION_CHARS_MAX)?;
        let _control = self.control.lock().await;
        let bus = self.existing_bus(name)?;
        let (info, at) = bus.info();
        let info = BusInfo { description, ..info };
        let revision = self.parts.metadata.replace(&bus_key(name), at, write_bus(&info, &bus.log)).await?;
        *bus.info.write().unwrap_or_else(PoisonError::into_inner) = (info, revision);
        Ok(())
    }

    /// Changes what the owner of a bus has chosen.
    pub async fn set_bus_settings(&self, name: &BusName, settings: BusSettings) -> Result<BusInfo, BusError> {
        let _control = self.control.lock().await;
        let bus = self.existing_bus(name)?;
        let (info, at) = bus.info();
        let (before, window) = (info.settings.deduplication, settings.deduplication);
        let info = BusInfo { settings, ..info };
        // A longer window begins before it is stored, since the log may fail to tell what is in it; a shorter one when it
        // is stored, since what is forgotten does not come back.
        if let Some(longer) = window.filter(|_| window > before) {
            self.remember(&bus, longer).await?;
        }
        let replaced = self.parts.metadata.replace(&bus_key(name), at, write_bus(&info, &bus.log)).await;
        bus.set_window(if replaced.is_ok() { window } else { before });
        *bus.info.write().unwrap_or_else(PoisonError::into_inner) = (info.clone(), replaced?);
        Ok(info)
    }

    /// All buses whose names start with `prefix`, by name.
    pub fn list_buses(&self, prefix: &str) -> Vec<BusInfo> {
        let all = self.buses();
        let found =
            all.values().map(|bus| bus.info().0).filter(|info| info.name.as_str().starts_with(prefix));
        let mut found: Vec<BusInfo> = found.collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Deletes a bus that has no rules. `Ok(false)` when there was none. Dead letters stay until they are old, or until
    /// another bus gets the name.
    pub async fn delete_bus(&self, name: &BusName) -> Result<bool, BusError> {
        let _control = self.control.lock().await;
        if name.is_default() {
            return Err(BusError::DefaultBus);
        }
        let Some(bus) = self.bus(name) else { return Ok(false) };
        let rule_count = bus.rules().len();
        if rule_count > 0 {
            return Err(BusError::BusHasRules { bus: name.clone(), rule_count });
        }
        self.parts.metadata.delete(&bus_key(name), None).await?;
        self.buses.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(true)
    }

    /// Drops what deleted buses of a name have left on queues, which are named for the bus: above all dead letters, which
    /// outlive their targets. A rule of the new bus would have them for its own.
    ///
    /// Before the bus is stored: a crash in between leaves a name without a bus and without leftovers.
    async fn drop_leftovers(&self, bus: &BusName) -> Result<(), StoreError> {
        let queues = self.parts.log.queues().await?;
        for queue in queues.iter().filter(|queue| is_on_bus(queue, bus)) {
            let count = self.parts.log.purge(queue).await?;
            tracing::info!(bus = %bus, queue = %queue, count, "dropped what a deleted bus of this name has left");
        }
        Ok(())
    }
}
