//! Paging: `Limit` and a `NextToken` that is a decimal number.

use std::str::FromStr;

use kulkul_store::Seq;

use super::error::RpcError;
use super::params::Params;

/// Source: EventBridge 2020-04-01: at most 100; the default is not documented.
const LIMIT_MAX: i64 = 100;
/// Source: EventBridge 2020-04-01, `ListConnections.MaxResults`, `ListApiDestinations.MaxResults`.
const MAX_RESULTS_DEFAULT: usize = 10;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl Page {
    pub(crate) fn asked(params: &Params<'_>) -> Result<Self, RpcError> {
        Self::asked_as(params, "Limit", LIMIT_MAX as usize)
    }

    /// [`Page::asked`] of an operation that calls the limit `MaxResults`.
    pub(crate) fn asked_as_max_results(params: &Params<'_>) -> Result<Self, RpcError> {
        Self::asked_as(params, "MaxResults", MAX_RESULTS_DEFAULT)
    }

    fn asked_as(params: &Params<'_>, name: &'static str, default: usize) -> Result<Self, RpcError> {
        let limit = limit(params, name, default)?;
        Ok(Self { offset: token::<u32>(params)? as usize, limit })
    }

    /// The token of the next page of a list with `total` entries; `None` when this is the last one.
    pub(crate) fn next_token(&self, total: usize) -> Option<String> {
        let next = self.offset.saturating_add(self.limit);
        (next < total).then(|| next.to_string())
    }
}

/// Which part of a list of events is asked for, newest first. The token is the place of the last one that was seen, so
/// a page costs the same however far back it is, and what comes in meanwhile moves none to another page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageOfEvents {
    /// The place before which it begins; `None` is the newest event.
    pub(crate) after: Option<Seq>,
    pub(crate) limit: usize,
}

impl PageOfEvents {
    pub(crate) fn asked(params: &Params<'_>) -> Result<Self, RpcError> {
        let limit = limit(params, "Limit", LIMIT_MAX as usize)?;
        Ok(Self { after: Some(token(params)?).filter(|place| *place > 0).map(Seq), limit })
    }
}

fn limit(params: &Params<'_>, name: &'static str, default: usize) -> Result<usize, RpcError> {
    match params.number(name)? {
        None => Ok(default),
        Some(limit @ 1..=LIMIT_MAX) => Ok(limit as usize),
        Some(_) => Err(RpcError::invalid(name)),
    }
}

/// The token; zero, where every list begins, when there is none.
fn token<T: FromStr + Default>(params: &Params<'_>) -> Result<T, RpcError> {
    let given = params.get("NextToken").filter(|token| !token.is_empty());
    given.map_or(Ok(T::default()), |token| {
        let parsed = token.parse();
        parsed.map_err(|_| {
            RpcError::business("NextTokenInvalid", "The next token is not one that was given out.")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, String> {
        Page::asked(&Params::parse(query, b"").unwrap()).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn limits_and_tokens_are_checked() {
        let table = [
            ("", Ok((0, 100))),
            ("Limit=10&NextToken=20", Ok((20, 10))),
            ("Limit=&NextToken=", Ok((0, 100))),
            ("Limit=0", Err("InvalidLimit")),
            ("Limit=101", Err("InvalidLimit")),
            ("Limit=-1", Err("InvalidLimit")),
            ("NextToken=x", Err("NextTokenInvalid")),
            ("NextToken=-1", Err("NextTokenInvalid")),
        ];
        for (query, expected) in table {
            let expected = expected.map(|(offset, limit)| Page { offset, limit }).map_err(str::to_owned);
            assert_eq!(page(query), expected, "{query}");
        }
    }

    #[test]
    fn events_go_on_after_a_place() {
        let page = |query: &str| {
            let page = PageOfEvents::asked(&Params::parse(query, b"").unwrap());
            page.map(|page| (page.after, page.limit)).map_err(|error| error.code.into_owned())
        };
        assert_eq!(page("Limit=10"), Ok((None, 10)));
        assert_eq!(page("NextToken=0"), Ok((None, 100)));
        assert_eq!(page("NextToken=5000000000"), Ok((Some(Seq(5_000_000_000)), 100)));
        assert_eq!(page("NextToken=x"), Err("NextTokenInvalid".to_owned()));
        assert_eq!(page("Limit=101"), Err("InvalidLimit".to_owned()));
    }

    #[test]
    fn max_results_has_another_default() {
        let page = |query: &str| {
            let page = Page::asked_as_max_results(&Params::parse(query, b"").unwrap());
            page.map(|page| page.limit).map_err(|error| error.code.into_owned())
        };
        assert_eq!(page(""), Ok(10));
        assert_eq!(page("MaxResults=100&Limit=3"), Ok(100));
        assert_eq!(page("MaxResults=101"), Err("InvalidMaxResults".to_owned()));
    }

    #[test]
    fn the_last_page_has_no_token() {
        let page = Page { offset: 20, limit: 10 };
        assert_eq!(page.next_token(31), Some("30".to_owned()));
        assert_eq!(page.next_token(30), None);
        assert_eq!(page.next_token(0), None);
    }
}
