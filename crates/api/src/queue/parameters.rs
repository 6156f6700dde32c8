//! The parameters of a query. Their names come in any case, and a `+` is a plus.

use std::borrow::Cow;

use super::error::QueueFault;
use crate::percent::{Plus, decode_text};
use crate::query::raw_pairs;

/// The parameters of a request, decoded. Those that are not UTF-8 are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters<'a>(Vec<(String, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    pub(crate) fn parse(query: &'a str) -> Self {
        let decoded = |(name, value): (&'a str, &'a str)| {
            let name = decode_text(name, Plus::Plus)?.to_ascii_lowercase();
            Some((name, decode_text(value, Plus::Plus)?))
        };
        Self(raw_pairs(query).filter_map(decoded).collect())
    }

    /// The value of a parameter; `name` is in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Whether a parameter is `true`, in any case.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The number that a parameter holds; `shown` is its name as the documentation spells it.
    pub(crate) fn number(&self, name: &str, shown: &str) -> Result<Option<u64>, QueueFault> {
        let number = |value: &str| value.parse().map_err(|_| QueueFault::not_valid(shown));
        self.get(name).map(number).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_arrive_as_they_were_sent_however_they_were_encoded() {
        for query in
            ["ReceiptHandle=1-O+/A==&x=1", "x=1&receiptHandle=1-O%2B%2fA%3D%3D", "RECEIPTHANDLE=1-O+/A=="]
        {
            assert_eq!(Parameters::parse(query).get("receipthandle"), Some("1-O+/A=="), "{query}");
        }
        assert_eq!(Parameters::parse("").get("receipthandle"), None);
        assert!(Parameters::parse("n=x").number("n", "N").is_err());
        assert_eq!(Parameters::parse("n=7").number("n", "N").unwrap(), Some(7));
    }
}
