//! Puts one event on a bus, extension attributes and all.

use bytes::Bytes;
use kulkul_bus::AcceptError;
use kulkul_model::{BusName, Draft};
use serde_json::json as value;

use super::json;
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;

pub(super) async fn run(call: Call<'_>, bus: &BusName, body: &Bytes) -> Result<Answer, FcError> {
    let text = std::str::from_utf8(body).map_err(|_| FcError::invalid("the event is not UTF-8"))?;
    let draft = Draft::parse(text).map_err(|error| FcError::invalid(error.to_string()))?;
    let mut answers =
        call.api.hub.accept(bus, vec![Ok(draft)], call.peer.ip()).await.map_err(accept_error)?;
    let accepted = answers
        .pop()
        .ok_or_else(|| FcError::internal("an event was neither accepted nor refused"))?
        .map_err(|error| FcError::invalid(error.to_string()))?;
    let answer = value!({"eventId": accepted.event_id, "traceId": accepted.trace_id.to_string()});
    Ok(json(answer.to_string()))
}

fn accept_error(error: AcceptError) -> FcError {
    match error {
        AcceptError::UnknownBus { .. } => FcError::not_found("EventBusNotExist", error.to_string()),
        AcceptError::Store(source) => FcError::store(&source, chain(&source)),
    }
}
