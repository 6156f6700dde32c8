//! Sends past events again.

use std::borrow::Cow;
use std::num::NonZeroU32;

use bytes::Bytes;
use kulkul_bus::{EventQuery, NewReplay, ReplayTo};
use kulkul_model::{BusName, RuleName, TargetId};

use super::replay_json::{replay_error, replay_json};
use super::{event_query, json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::fields::{Fields, Text};

/// Copies a second: unless asked otherwise, and at most.
const RATE: NonZeroU32 = NonZeroU32::new(100).expect("a hundred is not zero");
const RATE_MAX: u32 = 10_000;

pub(super) async fn run(call: Call<'_>, bus: &BusName, body: &Bytes) -> Result<Answer, FcError> {
    let new = read(bus, body)?;
    let replay = call.api.hub.create_replay(new).await.map_err(replay_error)?;
    Ok(json(replay_json(&replay).to_string()))
}

fn read(bus: &BusName, body: &[u8]) -> Result<NewReplay, FcError> {
    let mut fields = Fields::parse(body)?;
    let query = fields.take::<Fields<'_>>("filter")?.map(filter).transpose()?.unwrap_or_default();
    let rule = fields.take::<Text<'_>>("rule")?.map(|rule| rule.0.parse::<RuleName>()).transpose()?;
    let target = fields.take::<Text<'_>>("target")?.map(|target| target.0.parse::<TargetId>()).transpose()?;
    let events_per_second = match fields.take::<NonZeroU32>("eventsPerSecond")? {
        None => RATE,
        Some(rate) if rate.get() <= RATE_MAX => rate,
        Some(_) => {
            return Err(FcError::invalid(format!("eventsPerSecond: must be a number from 1 to {RATE_MAX}")));
        }
    };
    fields.none_left()?;
    let to = match (rule, target) {
        (None, None) => ReplayTo::Bus,
        (Some(rule), None) => ReplayTo::Rule(rule),
        (Some(rule), Some(target)) => ReplayTo::Target(rule, target),
        (None, Some(_)) => return Err(FcError::invalid("rule: is required with `target`")),
    };
    Ok(NewReplay { bus: bus.clone(), query, to, events_per_second })
}

/// Which events are meant, from a JSON object with the words of a query.
pub(super) fn filter(mut fields: Fields<'_>) -> Result<EventQuery, FcError> {
    let mut words = Vec::new();
    for word in event_query::WORDS {
        if let Some(text) = fields.take::<Text<'_>>(word)? {
            words.push((word, text.0));
        }
    }
    fields.none_left()?;
    event_query::read(|name| {
        let found = words.iter().find(|(word, _)| *word == name);
        found.map(|(_, text)| Cow::Borrowed(&**text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<NewReplay, String> {
        read(&BusName::default_bus(), body.as_bytes()).map_err(|error| error.message)
    }

    #[test]
    fn a_replay_is_of_everything_to_the_bus_unless_it_says_otherwise() {
        let plain = of("{}").unwrap();
        assert_eq!(
            (plain.to, plain.query, plain.events_per_second),
            (ReplayTo::Bus, EventQuery::default(), RATE)
        );
        let all =
            of(r#"{"filter":{"source":"s","from":"1000"},"rule":"r","target":"t","eventsPerSecond":7}"#);
        let all = all.unwrap();
        assert_eq!(all.to, ReplayTo::Target("r".parse().unwrap(), "t".parse().unwrap()));
        assert_eq!((all.query.source.as_deref(), all.events_per_second.get()), (Some("s"), 7));
        assert_eq!(of(r#"{"rule":"r"}"#).unwrap().to, ReplayTo::Rule("r".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            (r#"{"target":"t"}"#, "rule: is required"),
            (r#"{"eventsPerSecond":0}"#, "eventsPerSecond: "),
            (r#"{"eventsPerSecond":10001}"#, "eventsPerSecond: "),
            (r#"{"filter":{"form":"x"}}"#, "form: "),
            (r#"{"filter":{"status":"lost"}}"#, "status: "),
            (r#"{"filter":7}"#, "filter: "),
            (r#"{"rate":1}"#, "rate: "),
            ("[]", "the body is not a JSON object"),
        ];
        for (body, reason) in table {
            let error = of(body).unwrap_err();
            assert!(error.starts_with(reason), "{body}: {error}");
        }
    }
}
