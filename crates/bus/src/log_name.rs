//! The names of the logs of buses.
//!
//! Each bus has a log of its own. One that is created under the name of a bus that was deleted has another log than that
//! bus had: whatever reads the past of a bus, for a search, a trace, a replay or deduplication, reads its log, and so
//! finds nothing that is older than the bus. The name is stored with the bus. What is in the log of a deleted bus goes
//! when it is past retention.

use kulkul_model::{BusName, TraceId};
use kulkul_store::LogName;

/// What the names of the logs of buses start with.
const PREFIX: &str = "bus/";

/// The log of a bus whose document names none: it was written before each bus had a log of its own. That of `default`
/// as well, which is never deleted.
pub(crate) fn of_old(bus: &BusName) -> LogName {
    LogName(format!("{PREFIX}{bus}").into())
}

/// A log for a new bus.
pub(crate) fn fresh(bus: &BusName) -> LogName {
    let random = TraceId::random().as_u128() as u64;
    LogName(format!("{PREFIX}{bus}/{random:016x}").into())
}

/// The name of the bus whose log it is; empty when it is the log of something else.
pub(crate) fn bus_of(log: &LogName) -> &str {
    let name = log.0.strip_prefix(PREFIX).unwrap_or_default();
    name.split_once('/').map_or(name, |(bus, _)| bus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_log_is_another_and_all_name_their_bus() {
        let bus: BusName = "b".parse().unwrap();
        let logs = [of_old(&bus), fresh(&bus), fresh(&bus)];
        assert!(logs[0] != logs[1] && logs[1] != logs[2], "{logs:?}");
        assert!(logs.iter().all(|log| bus_of(log) == "b"), "{logs:?}");
        assert_eq!(bus_of(&LogName("invocations".into())), "");
    }
}
