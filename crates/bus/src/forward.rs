//! Putting an event of one bus on another.

use futures_util::future::BoxFuture;
use kulkul_delivery::{BusSink, SinkError};
use kulkul_model::{BusName, Draft, Enrichment, EventLimits, VIA};
use kulkul_store::Record;

use crate::accept::route;
use crate::hub::Hub;
use crate::log_name;

/// How many buses an event may have been on before.
const HOPS_MAX: usize = 16;

impl BusSink for Hub {
    fn put<'a>(&'a self, bus: &'a BusName, record: &'a Record) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.forward(bus, record))
    }
}

impl Hub {
    /// Puts a stored event on another bus. It keeps what its producer gave it, and gets anew what the bus adds.
    ///
    /// An event goes unchanged, so on a bus that it was on before it would match the same rules again, for ever. It is
    /// refused there.
    async fn forward(&self, name: &BusName, record: &Record) -> Result<(), SinkError> {
        let missing = || SinkError::Missing { what: format!("event bus `{name}`") };
        let bus = self.bus(name).ok_or_else(missing)?;
        let unusable = |reason: String| SinkError::Refused { reason };
        let text = std::str::from_utf8(&record.body).map_err(|error| unusable(error.to_string()))?;
        let draft = Draft::parse(text).map_err(|error| unusable(error.to_string()))?;
        let from = log_name::bus_of(&record.key.log);
        let via = extended(draft.get_text(VIA).as_deref().unwrap_or_default(), from, name)?;
        let sender = draft.get_text("aliyunpublishaddr").unwrap_or_default().into_owned();
        let now = self.parts.clock.now();
        let identity = &self.parts.identity;
        let add = Enrichment {
            account: &identity.account,
            bus: name,
            region: &identity.region,
            received_at: now,
            sender: &sender,
            via: &via,
        };
        // It was within the limits once. Attributes that a bus added then count as the producer's now.
        let limits = EventLimits {
            event_bytes_max: text.len(),
            extension_count_max: usize::MAX,
            ..self.parts.options.event.own_events()
        };
        let event = draft.accept(&add, &limits).map_err(|error| unusable(error.to_string()))?;
        self.parts.dispatcher.append(vec![route(&bus, &event, now)]).await?;
        Ok(())
    }
}

/// The buses that an event was on once it leaves `from` for `to`.
fn extended(via: &str, from: &str, to: &BusName) -> Result<String, SinkError> {
    let buses: Vec<&str> = via.split_ascii_whitespace().chain([from]).collect();
    if buses.contains(&to.as_str()) {
        let way = buses.join(" -> ");
        return Err(SinkError::Refused { reason: format!("the event goes in a circle: {way} -> {to}") });
    }
    if buses.len() > HOPS_MAX {
        let reason = format!("the event was on {} buses before; at most {HOPS_MAX} are allowed", buses.len());
        return Err(SinkError::Refused { reason });
    }
    Ok(buses.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_and_endless_chains_are_refused() {
        let extend = |via: &str, from: &str, to: &str| {
            extended(via, from, &to.parse().unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(extend("", "a", "b"), Ok("a".to_owned()));
        assert_eq!(extend("a b", "c", "d"), Ok("a b c".to_owned()));
        assert_eq!(extend("", "a", "a"), Err("the event goes in a circle: a -> a".to_owned()));
        assert_eq!(extend("a b", "c", "a"), Err("the event goes in a circle: a -> b -> c -> a".to_owned()));
        let many = (0..HOPS_MAX).map(|i| format!("b{i}")).collect::<Vec<_>>().join(" ");
        assert!(extend(&many, "x", "y").unwrap_err().contains("was on 17 buses before"));
    }
}
