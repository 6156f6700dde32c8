//! What a rule would have done with past events.

use bytes::Bytes;
use kulkul_bus::{DryPayload, DryRun, DrySample, NewDryRun};
use kulkul_delivery::Preview;
use kulkul_model::{BusName, RuleName};
use serde_json::value::RawValue;
use serde_json::{Value, json as value};

use super::create_replay::filter;
use super::explanation::explanation_json;
use super::{bus_error, json};
use crate::answer::Answer;
use crate::api::Call;
use crate::eventbridge::target_configs;
use crate::fc::FcError;
use crate::fields::{Fields, Text};

/// Events looked at: unless asked otherwise, and at most.
const EVENTS: usize = 10_000;
const EVENTS_MAX: usize = 100_000;
/// Samples of each kind: unless asked otherwise, and at most.
const SAMPLES: usize = 3;
const SAMPLES_MAX: usize = 20;
/// How much of a payload is shown.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

pub(super) async fn run(call: Call<'_>, bus: &BusName, body: &Bytes) -> Result<Answer, FcError> {
    let new = read(bus, body)?;
    let run = call.api.hub.dry_run(new).await.map_err(bus_error)?;
    Ok(json(run_json(&run).to_string()))
}

fn read(bus: &BusName, body: &[u8]) -> Result<NewDryRun, FcError> {
    let mut fields = Fields::parse(body)?;
    let rule = fields.take::<Text<'_>>("rule")?.map(|rule| rule.0.parse::<RuleName>()).transpose()?;
    let pattern = given(&mut fields, "pattern").map(pattern).transpose()?;
    if rule.is_none() && pattern.is_none() {
        return Err(FcError::invalid("pattern: is required without `rule`"));
    }
    let targets = given(&mut fields, "targets").map(|targets| target_configs(targets.get()));
    let targets = targets.transpose().map_err(|problem| FcError::invalid(format!("targets: {problem}")))?;
    let query = fields.take::<Fields<'_>>("filter")?.map(filter).transpose()?.unwrap_or_default();
    let event_count_max = number(&mut fields, "eventCount", EVENTS, 1..=EVENTS_MAX)?;
    let sample_count_max = number(&mut fields, "sampleCount", SAMPLES, 0..=SAMPLES_MAX)?;
    fields.none_left()?;
    Ok(NewDryRun { bus: bus.clone(), rule, pattern, targets, query, event_count_max, sample_count_max })
}

/// A member as text; null is the same as none.
fn given<'a>(fields: &mut Fields<'a>, name: &str) -> Option<&'a RawValue> {
    fields.take_raw(name).filter(|raw| raw.get() != "null")
}

/// A pattern as it is, or as a string that holds its text.
fn pattern(raw: &RawValue) -> Result<String, FcError> {
    match raw.get().starts_with('"') {
        true => {
            serde_json::from_str(raw.get()).map_err(|error| FcError::invalid(format!("pattern: {error}")))
        }
        false => Ok(raw.get().to_owned()),
    }
}

fn number(
    fields: &mut Fields<'_>,
    name: &'static str,
    unless: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, FcError> {
    match fields.take::<usize>(name)? {
        None => Ok(unless),
        Some(number) if range.contains(&number) => Ok(number),
        Some(_) => {
            let (min, max) = (range.start(), range.end());
            Err(FcError::invalid(format!("{name}: must be a number from {min} to {max}")))
        }
    }
}

fn run_json(run: &DryRun) -> Value {
    value!({
        "seenCount": run.seen_count,
        "matchedBeforeCount": run.matched_before_count,
        "matchedNowCount": run.matched_now_count,
        "newlyCount": run.newly_count,
        "noLongerCount": run.no_longer_count,
        "payloadChangedCount": run.payload_changed_count,
        "isComplete": run.next.is_none(),
        "samples": run.samples.iter().map(sample_json).collect::<Vec<_>>(),
    })
}

fn sample_json(sample: &DrySample) -> Value {
    let (record, key) = (&sample.record, &sample.record.key);
    value!({
        "id": key.id,
        "source": key.source,
        "type": key.kind,
        "traceId": record.trace_id.to_string(),
        "acceptedAt": record.accepted_at.to_string(),
        "change": sample.change.as_str(),
        "findings": sample.explanation.as_ref().map(|explanation| explanation_json(explanation)["findings"].take()),
        "payloads": sample.payloads.iter().map(payload_json).collect::<Vec<_>>(),
    })
}

fn payload_json(payload: &DryPayload) -> Value {
    let previews = |previews: &Vec<Preview>| previews.iter().map(preview_json).collect::<Vec<_>>();
    value!({
        "target": payload.target.as_str(),
        "now": previews(&payload.now),
        "before": payload.before.as_ref().map(previews),
    })
}

fn preview_json(preview: &Preview) -> Value {
    match &preview.payload {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(PAYLOAD_BYTES_MAX)]);
            let is_cut = bytes.len() > PAYLOAD_BYTES_MAX;
            value!({"parameter": preview.key, "text": text, "bytes": bytes.len(), "isCut": is_cut})
        }
        Err(error) => value!({"parameter": preview.key, "problem": error.to_string()}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<NewDryRun, String> {
        read(&BusName::default_bus(), body.as_bytes()).map_err(|error| error.message)
    }

    #[test]
    fn a_pattern_comes_as_it_is_or_in_a_string() {
        for body in [r#"{"pattern":{"source": ["a"]}}"#, r#"{"pattern":"{\"source\": [\"a\"]}"}"#] {
            assert_eq!(of(body).unwrap().pattern.as_deref(), Some(r#"{"source": ["a"]}"#));
        }
        let rule = of(r#"{"rule":"r","pattern":null,"targets":null}"#).unwrap();
        assert_eq!((rule.pattern, rule.event_count_max, rule.sample_count_max), (None, EVENTS, SAMPLES));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            ("{}", "pattern: is required"),
            (r#"{"rule":"r","eventCount":0}"#, "eventCount: "),
            (r#"{"rule":"r","eventCount":100001}"#, "eventCount: "),
            (r#"{"rule":"r","sampleCount":21}"#, "sampleCount: "),
            (r#"{"rule":"r","targets":[{"Id":"t"}]}"#, "targets: "),
            (r#"{"rule":"r","targets":7}"#, "targets: "),
            (r#"{"rule":"r","filter":{"form":"x"}}"#, "form: "),
            (r#"{"rule":"r","patern":{}}"#, "patern: "),
        ];
        for (body, reason) in table {
            let error = of(body).unwrap_err();
            assert!(error.starts_with(reason), "{body}: {error}");
        }
    }

    #[test]
    fn a_long_payload_is_cut_and_says_so() {
        let preview = Preview { key: "Body".to_owned(), payload: Ok("ü".repeat(PAYLOAD_BYTES_MAX).into()) };
        let shown = preview_json(&preview);
        assert_eq!((&shown["isCut"], &shown["bytes"]), (&true.into(), &(2 * PAYLOAD_BYTES_MAX).into()));
        assert_eq!(shown["text"].as_str().unwrap().chars().count(), PAYLOAD_BYTES_MAX / 2);
    }
}
