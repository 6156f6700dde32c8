//! The query of a request.

use crate::encode::{Plus, decode_text};
use crate::error::{Code, OssError};

/// How many parameters a request may have. The clients send at most a dozen.
const PARAMETER_COUNT_MAX: usize = 200;

/// Decoded parameters in the order of the wire. Of one given twice, the first counts.
///
/// Source: OSS, "Add signatures to a URL".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Splits at `&` and the first `=`, and decodes `%XX` and `+`.
    pub(crate) fn parse(raw: &str) -> Result<Self, OssError> {
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == PARAMETER_COUNT_MAX {
                return Err(Code::InvalidArgument.with("The query has too many parameters."));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text| {
                decode_text(text, Plus::Space)
                    .ok_or_else(|| Code::InvalidArgument.with("The query is not encoded in UTF-8."))
            };
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter; empty when it has none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter; an empty one is as if it were absent.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is there, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters, those given twice included.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// A whole number between bounds, with a default for an absent or empty one.
    pub(crate) fn number(
        &self,
        name: &'static str,
        default: u32,
        min: u32,
        max: u32,
    ) -> Result<u32, OssError> {
        let Some(text) = self.value(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| {
            Code::InvalidArgument
                .with(format!("The parameter {name} must be a whole number from {min} to {max}."))
                .detail("ArgumentName", name)
                .detail("ArgumentValue", text)
        })
    }

    /// A text of fewer than 1024 bytes; empty when absent.
    ///
    /// Source: OSS, `GetBucket (ListObjects)`.
    pub(crate) fn short(&self, name: &'static str) -> Result<&str, OssError> {
        let text = self.get(name).unwrap_or_default();
        if text.len() < 1024 {
            return Ok(text);
        }
        Err(Code::InvalidArgument
            .with(format!("The length of {name} must be less than 1024."))
            .detail("ArgumentName", name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_split_before_they_are_decoded() {
        let query = Query::parse("acl&prefix=a%26b%3D+c=d&prefix=x&&marker=").unwrap();
        assert_eq!(query.get("acl"), Some(""));
        assert_eq!(query.get("prefix"), Some("a&b= c=d"));
        assert_eq!((query.has("marker"), query.value("marker")), (true, None));
        assert_eq!(query.pairs().len(), 4);
    }

    #[test]
    fn more_parameters_than_anybody_needs_are_refused() {
        let raw = "a=1&".repeat(100_000);
        assert_eq!(Query::parse(&raw).unwrap_err().code, Code::InvalidArgument);
    }

    #[test]
    fn numbers_have_bounds() {
        let query = Query::parse("max-keys=7&a=0&b=x&c=").unwrap();
        assert_eq!(query.number("max-keys", 100, 1, 1000).unwrap(), 7);
        assert_eq!(query.number("c", 100, 1, 1000).unwrap(), 100);
        assert!(query.number("a", 100, 1, 1000).is_err() && query.number("b", 100, 1, 1000).is_err());
    }
}
