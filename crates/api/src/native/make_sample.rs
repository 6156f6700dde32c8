//! Makes a sample event of a type: the whole CloudEvent, as it would come from the real source. Nothing is put.

use bytes::Bytes;
use http::StatusCode;
use kulkul_catalog::{SampleError, SampleOptions};
use kulkul_model::{BusName, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::answer::{Answer, with_body};
use crate::api::Call;
use crate::fc::FcError;
use crate::fields::Fields;

const OVERRIDE_COUNT_MAX: usize = 256; // Ours.

/// `source` and `type` choose. `seed` and `time` make the answer the same each time; `set` is an object of paths and
/// the values to put there.
pub(super) fn run(call: Call<'_>, body: &Bytes) -> Result<Answer, FcError> {
    let mut fields = Fields::parse(body)?;
    let source: String = fields.require("source")?;
    let kind: String = fields.require("type")?;
    let bus: Option<String> = fields.take("bus")?;
    let bus = bus.map_or_else(|| Ok(BusName::default_bus()), |bus| bus.parse())?;
    let seed: Option<u64> = fields.take("seed")?;
    let time: Option<String> = fields.take("time")?;
    let set: Map<String, Value> = fields.take("set")?.unwrap_or_default();
    fields.none_left()?;
    if set.len() > OVERRIDE_COUNT_MAX {
        return Err(FcError::invalid(format!("set: at most {OVERRIDE_COUNT_MAX} paths")));
    }
    let options = SampleOptions {
        seed: seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0),
        identity: call.api.identity.clone(),
        bus,
        time: time.map_or(Ok(call.now), |text| parsed_time(&text))?,
        overrides: set.into_iter().collect(),
    };
    let event = call.api.sources.catalog().sample(&source, &kind, &options).map_err(sample_error)?;
    Ok(with_body(StatusCode::OK, "application/cloudevents+json", event))
}

fn parsed_time(text: &str) -> Result<Timestamp, FcError> {
    let time = Timestamp::parse_rfc3339(text);
    time.ok_or_else(|| FcError::invalid("time: must be a time such as 2026-02-11T03:04:05Z"))
}

fn sample_error(error: SampleError) -> FcError {
    match error {
        SampleError::UnknownSource { .. } => FcError::not_found("EventSourceNotExist", error.to_string()),
        SampleError::UnknownType { .. } => FcError::not_found("EventTypeNotExist", error.to_string()),
        SampleError::MalformedOverride { .. } | SampleError::ImpossiblePath { .. } => {
            FcError::invalid(error.to_string())
        }
    }
}
