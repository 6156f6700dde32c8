//! putEvents.

use kulkul_model::BusName;

use super::super::error::{RpcError, bad_bus_name};
use super::super::put_events::{EVENT_COUNT_MAX, data};
use super::super::reply::RequestId;
use super::binding::{self, Read};
use crate::api::Call;

/// The extension attribute that names the bus.
const BUS: &str = "aliyuneventbusname";

pub(super) async fn run(call: Call<'_>, id: &RequestId, body: &[u8]) -> Result<Vec<u8>, RpcError> {
    let events = binding::events(&call.head.headers, body, EVENT_COUNT_MAX)?;
    let bus = bus_of(&events)?;
    let answers = call.api.hub.accept(&bus, events, call.peer.ip()).await?;
    let account = &call.api.identity.account;
    let mut out =
        format!(r#"{{"RequestId":"{}","ResourceOwnerAccountId":"{account}","#, id.as_str()).into_bytes();
    out.extend_from_slice(&data(&answers)[1..]);
    Ok(out)
}

/// The bus that all events of a request name. Those that cannot be read name none, and are refused by themselves.
fn bus_of(events: &[Read<'_>]) -> Result<BusName, RpcError> {
    let empty = || RpcError::business("EventBusEmpty", "an event names no event bus");
    let mut bus: Option<String> = None;
    for draft in events.iter().flatten() {
        let named = draft.get_text(BUS).filter(|name| !name.is_empty()).ok_or_else(empty)?;
        match &bus {
            Some(known) if *known != named => {
                let message = "the events of one request must name the same event bus";
                return Err(RpcError::business("PutEventsRequestMoreThanOneEventBus", message));
            }
            Some(_) => {}
            None => bus = Some(named.into_owned()),
        }
    }
    bus.ok_or_else(empty)?.parse().map_err(|error| bad_bus_name(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_model::Draft;

    fn bus(events: &[&str]) -> Result<String, String> {
        let read: Vec<Read<'_>> = events.iter().map(|event| Draft::parse(event)).collect();
        bus_of(&read).map(|bus| bus.to_string()).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn all_events_name_one_bus() {
        let (b1, b2, none) = (r#"{"aliyuneventbusname":"b1"}"#, r#"{"aliyuneventbusname":"b2"}"#, "{}");
        assert_eq!(bus(&[b1, b1]), Ok("b1".to_owned()));
        assert_eq!(bus(&[b1, "unreadable"]), Ok("b1".to_owned()));
        assert_eq!(bus(&[b1, b2]), Err("PutEventsRequestMoreThanOneEventBus".to_owned()));
        assert_eq!(bus(&[b1, none]), Err("EventBusEmpty".to_owned()));
        assert_eq!(bus(&["unreadable"]), Err("EventBusEmpty".to_owned()));
        assert_eq!(bus(&[r#"{"aliyuneventbusname":"a b"}"#]), Err("EventBusNameInvalid".to_owned()));
    }
}
