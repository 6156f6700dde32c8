//! Which events are meant: the same words in a query string and in a JSON body.

use std::borrow::Cow;

use kulkul_bus::EventQuery;

use super::target_query::time;
use crate::fc::FcError;

/// The names of all words.
pub(super) const WORDS: [&str; 8] = ["id", "source", "type", "subject", "rule", "status", "from", "to"];

/// Reads a query whose words `get` looks up. An empty word is as good as none.
pub(super) fn read<'a>(get: impl Fn(&str) -> Option<Cow<'a, str>>) -> Result<EventQuery, FcError> {
    let given = |name| get(name).filter(|text| !text.is_empty());
    let text = |name| given(name).map(Cow::into_owned);
    Ok(EventQuery {
        id: text("id"),
        source: text("source"),
        kind: text("type"),
        subject: text("subject"),
        rule: given("rule").map(|rule| rule.parse()).transpose()?,
        status: given("status")
            .map(|status| status.parse().map_err(|error| FcError::invalid(format!("status: {error}"))))
            .transpose()?,
        from: time("from", given("from").as_deref())?,
        to: time("to", given("to").as_deref())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_bus::EventStatus;
    use kulkul_model::Timestamp;

    fn of(words: &[(&str, &'static str)]) -> Result<EventQuery, String> {
        read(|name| words.iter().find(|(known, _)| *known == name).map(|(_, text)| Cow::Borrowed(*text)))
            .map_err(|error| error.message)
    }

    #[test]
    fn every_word_is_read_and_none_is_needed() {
        assert_eq!(of(&[]), Ok(EventQuery::default()));
        assert_eq!(of(&[("id", ""), ("from", "")]), Ok(EventQuery::default()));
        let all = of(&[
            ("id", "i"),
            ("source", "s"),
            ("type", "t"),
            ("subject", "u"),
            ("rule", "r"),
            ("status", "dead-lettered"),
            ("from", "1000"),
            ("to", "1970-01-01T00:00:02Z"),
        ]);
        let expected = EventQuery {
            id: Some("i".to_owned()),
            source: Some("s".to_owned()),
            kind: Some("t".to_owned()),
            subject: Some("u".to_owned()),
            rule: Some("r".parse().unwrap()),
            status: Some(EventStatus::DeadLettered),
            from: Some(Timestamp::from_millis(1000)),
            to: Some(Timestamp::from_millis(2000)),
        };
        assert_eq!(all, Ok(expected));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (name, text) in [("status", "lost"), ("from", "yesterday"), ("to", "1e3")] {
            let error = of(&[(name, text)]).unwrap_err();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
        }
        assert!(of(&[("rule", "a b")]).is_err());
    }
}
