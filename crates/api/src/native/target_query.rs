//! Which targets, dead letters and times are meant: the same words in a query string and in a JSON body.

use std::fmt::Display;

use kulkul_delivery::DeadLetterFilter;
use kulkul_model::{BusName, RuleName, TargetId, Timestamp};
use kulkul_store::QueueId;

use crate::fc::FcError;
use crate::query::Query;

/// The names of the words that say which dead letters are meant.
pub(super) const DEAD_LETTER_WORDS: [&str; 9] =
    ["name", "bus", "rule", "target", "function", "source", "type", "from", "to"];

/// Which targets: by name, by bus, rule and target, or by function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TargetWords {
    name: Option<QueueId>,
    prefix: Option<String>,
}

impl TargetWords {
    pub(super) fn read(query: &Query<'_>) -> Result<Self, FcError> {
        Self::of(|word| query.get(word))
    }

    /// Reads the words that `get` looks up. An empty word is as good as none.
    pub(super) fn of<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, FcError> {
        let word = |name| get(name).filter(|text| !text.is_empty());
        let bus = parsed::<BusName>("bus", word("bus"))?;
        let rule = parsed::<RuleName>("rule", word("rule"))?;
        let target = parsed::<TargetId>("target", word("target"))?;
        let function = word("function");
        let name = word("name").map(|name| QueueId(name.into()));
        let (name, prefix) = match (name, bus, rule, target, function) {
            (Some(name), None, None, None, None) => (Some(name), None),
            (None, None, None, None, None) => (None, None),
            (None, None, None, None, Some(function)) => (None, Some(format!("async/{function}/"))),
            (None, Some(bus), None, None, None) => (None, Some(format!("rule/{bus}/"))),
            (None, Some(bus), Some(rule), None, None) => (None, Some(format!("rule/{bus}/{rule}/"))),
            (None, Some(bus), Some(rule), Some(id), None) => {
                (Some(kulkul_bus::queue_of(&bus, &rule, &id)), None)
            }
            _ => {
                return Err(FcError::invalid(
                    "give `name`, or `function`, or `bus`, with it `rule`, and with that `target`",
                ));
            }
        };
        Ok(Self { name, prefix })
    }

    /// The one target that is meant, when the words name it.
    pub(super) fn name(&self) -> Option<&QueueId> {
        self.name.as_ref()
    }

    pub(super) fn wants(&self, target: &QueueId) -> bool {
        self.name.as_ref().is_none_or(|name| name == target)
            && self.prefix.as_ref().is_none_or(|prefix| target.0.starts_with(&**prefix))
    }
}

/// Which dead letters. Reads the words that `get` looks up.
pub(super) fn dead_letter_filter<'a>(
    get: impl Fn(&str) -> Option<&'a str>,
) -> Result<DeadLetterFilter, FcError> {
    let text = |name| get(name).filter(|text| !text.is_empty());
    let TargetWords { name, prefix } = TargetWords::of(&get)?;
    Ok(DeadLetterFilter {
        target: name,
        target_prefix: prefix,
        source: text("source").map(str::to_owned),
        kind: text("type").map(str::to_owned),
        from: time("from", text("from"))?,
        to: time("to", text("to"))?,
    })
}

/// A number of things to return, `unless` when none is given.
pub(super) fn limit(text: Option<&str>, unless: usize, max: usize) -> Result<usize, FcError> {
    match text.filter(|text| !text.is_empty()).map(str::parse) {
        None => Ok(unless),
        Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(limit),
        Some(_) => Err(FcError::invalid(format!("limit: must be a number from 1 to {max}"))),
    }
}

/// A point in time, as RFC 3339 or in milliseconds since the epoch.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, FcError> {
    let Some(text) = text else { return Ok(None) };
    let millis = text.parse().ok().map(Timestamp::from_millis);
    let time = millis.or_else(|| Timestamp::parse_rfc3339(text)).ok_or_else(|| {
        FcError::invalid(format!(
            "{name}: must be a time such as `2026-11-22T07:21:54Z`, or milliseconds since the epoch"
        ))
    })?;
    Ok(Some(time))
}

fn parsed<T: std::str::FromStr<Err: Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, FcError> {
    text.map(|text| text.parse().map_err(|error| FcError::invalid(format!("{name}: {error}")))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Words = &'static [(&'static str, &'static str)];

    fn of(words: Words) -> Result<DeadLetterFilter, String> {
        dead_letter_filter(|name| words.iter().find(|(word, _)| *word == name).map(|(_, text)| *text))
            .map_err(|error| error.message)
    }

    #[test]
    fn words_say_which_targets_are_meant() {
        let table: [(Words, Option<&str>, Option<&str>); 6] = [
            (&[], None, None),
            (&[("bus", ""), ("name", "")], None, None),
            (&[("bus", "b")], None, Some("rule/b/")),
            (&[("bus", "b"), ("rule", "r")], None, Some("rule/b/r/")),
            (&[("bus", "b"), ("rule", "r"), ("target", "t")], Some("rule/b/r/t"), None),
            (&[("function", "f")], None, Some("async/f/")),
        ];
        for (words, target, prefix) in table {
            let filter = of(words).unwrap();
            let found = (filter.target.as_ref().map(|queue| &*queue.0), filter.target_prefix.as_deref());
            assert_eq!(found, (target, prefix), "{words:?}");
        }
    }

    #[test]
    fn limits_are_checked_at_both_ends() {
        let table = [
            (None, Some(20)),
            (Some(""), Some(20)),
            (Some("1"), Some(1)),
            (Some("100"), Some(100)),
            (Some("0"), None),
            (Some("101"), None),
            (Some("-1"), None),
        ];
        for (text, expected) in table {
            assert_eq!(limit(text, 20, 100).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let table: [(Words, &str); 5] = [
            (&[("rule", "r")], "give `name`"),
            (&[("name", "q"), ("bus", "b")], "give `name`"),
            (&[("bus", "a b")], "bus: "),
            (&[("from", "yesterday")], "from: "),
            (&[("to", "1e3")], "to: "),
        ];
        for (words, reason) in table {
            let error = of(words).unwrap_err();
            assert!(error.starts_with(reason), "{words:?}: {error}");
        }
        let times = of(&[("from", "1000"), ("to", "1970-01-01T00:00:02Z")]).unwrap();
        assert_eq!(
            (times.from, times.to),
            (Some(Timestamp::from_millis(1000)), Some(Timestamp::from_millis(2000)))
        );
    }
}
