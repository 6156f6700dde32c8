//! Paging: an opaque token says after which name the next page begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::FunctionError;
use crate::error::invalid;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// How many at most (wire: `limit`); 20 when absent.
    pub limit: Option<i64>,
    /// Where the page begins (wire: `nextToken`), as an earlier page said.
    pub token: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    pub next_token: Option<String>,
}

/// Source: Function Compute 2023-03-30, `ListFunctions`: 1 to 100; the default is that of `ListAsyncTasks`.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: i64 = 100;

impl PageRequest {
    /// How many items at most.
    pub fn limit(&self) -> Result<usize, FunctionError> {
        match self.limit {
            None => Ok(LIMIT_DEFAULT),
            Some(limit @ 1..=LIMIT_MAX) => Ok(limit as usize),
            Some(limit) => invalid(format!("limit must be from 1 to {LIMIT_MAX}, not {limit}")),
        }
    }

    /// The name after which the page begins.
    pub fn after(&self) -> Result<Option<String>, FunctionError> {
        let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) else { return Ok(None) };
        let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match name {
            Some(name) => Ok(Some(name)),
            None => invalid("nextToken is not one that this server gave out"),
        }
    }

    /// Cuts a page out of what follows [`PageRequest::after`], given in order.
    pub fn cut<T>(
        &self,
        rest: impl Iterator<Item = T>,
        name: impl Fn(&T) -> &str,
    ) -> Result<Page<T>, FunctionError> {
        let limit = self.limit()?;
        let mut items: Vec<T> = rest.take(limit + 1).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next_token = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(name(last)));
        Ok(Page { items, next_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: i64, token: Option<String>) -> Page<&'static str> {
        let request = PageRequest { limit: Some(limit), token };
        let after = request.after().unwrap();
        let names =
            ["a", "b", "c"].into_iter().filter(|name| after.as_deref().is_none_or(|after| *name > after));
        request.cut(names, |name| name).unwrap()
    }

    #[test]
    fn pages_follow_each_other_and_the_last_has_no_token() {
        let first = page(2, None);
        assert_eq!(first.items, ["a", "b"]);
        let second = page(2, first.next_token);
        assert_eq!((second.items, second.next_token), (vec!["c"], None));
        assert_eq!(page(3, None).next_token, None);
        assert_eq!(page(3, Some(String::new())).items.len(), 3);
    }

    #[test]
    fn bad_requests_are_refused() {
        for limit in [0, 101, -1] {
            assert!(PageRequest { limit: Some(limit), token: None }.limit().is_err());
        }
        assert!(PageRequest { limit: None, token: Some("§".into()) }.after().is_err());
        assert_eq!(PageRequest::default().limit().unwrap(), 20);
    }
}
