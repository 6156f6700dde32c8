//! Sends one dead letter again.

use bytes::Bytes;
use kulkul_delivery::Probe;
use kulkul_store::QueueId;
use serde_json::json as value;

use super::get_dead_letter::find;
use super::get_target::unknown;
use super::json;
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;
use crate::fields::{Fields, Text};

pub(super) async fn run(call: Call<'_>, id: &str, body: &Bytes) -> Result<Answer, FcError> {
    let to = read(body)?;
    let letter = find(call, id).await?;
    let target = to.clone().unwrap_or_else(|| letter.id.target.clone());
    let dispatcher = call.api.hub.dispatcher();
    if dispatcher.takes_events(&target).is_none() {
        return Err(unknown(&target.0));
    }
    let sent = dispatcher.send_again(&[letter], to.as_ref(), Probe::AtOnce).await;
    let sent = sent.map_err(|error| FcError::store(&error, chain(&error)))?;
    if sent.sent_count == 0 {
        return Err(FcError::invalid(format!("to: `{}` cannot take this dead letter", target.0)));
    }
    let body = value!({"sentCount": sent.sent_count, "to": &*target.0}).to_string();
    Ok(json(body))
}

/// The target in the body, if there is a body.
fn read(body: &Bytes) -> Result<Option<QueueId>, FcError> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut fields = Fields::parse(body)?;
    let to = fields.take::<Text<'_>>("to")?.filter(|to| !to.0.is_empty());
    fields.none_left()?;
    Ok(to.map(|to| QueueId(to.0.as_ref().into())))
}
