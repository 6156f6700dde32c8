//! The parameters of an operation: query and form as one map.

use std::borrow::Cow;

use kulkul_model::{BusName, RuleName};
use kulkul_source::SourceName;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{RpcError, bad_bus_name, bad_rule_name};
use crate::fields::misshapen;
use crate::percent::{Plus, decode_text};
use crate::query::raw_pairs;

/// More parameters than any operation has, flattened lists included.
const COUNT_MAX: usize = 4096;

/// Deepest nesting of a flattened parameter.
const DEPTH_MAX: usize = 8;

/// The parameters, decoded. Of one given twice, the form wins over the query, and the last over the first.
#[derive(Clone, Debug)]
pub(crate) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    pub(crate) fn parse(query: &'a str, form: &'a [u8]) -> Result<Self, RpcError> {
        let form = std::str::from_utf8(form).map_err(|_| malformed("the form is not UTF-8"))?;
        let mut params = Vec::new();
        for (name, value) in raw_pairs(query).chain(raw_pairs(form)) {
            if params.len() == COUNT_MAX {
                return Err(malformed("there are too many parameters"));
            }
            let decode =
                |text| decode_text(text, Plus::Space).ok_or_else(|| malformed("a parameter is not UTF-8"));
            params.push((decode(name)?, decode(value)?));
        }
        Ok(Self(params))
    }

    /// Parameters that came in another form.
    pub(super) fn from_members(members: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        Self(members.collect())
    }

    /// A parameter as it was given; possibly empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A parameter that must be given and not be empty.
    pub(crate) fn require(&self, name: &'static str) -> Result<&str, RpcError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| RpcError::missing(name))
    }

    /// All parameters, each once, with the value that counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let counts = |at: usize, name: &str| self.0[at + 1..].iter().all(|(later, _)| later != name);
        let all = self.0.iter().enumerate();
        all.filter(move |(at, (name, _))| counts(*at, name)).map(|(_, (name, value))| (&**name, &**value))
    }

    /// `EventBusName`.
    pub(crate) fn bus(&self) -> Result<BusName, RpcError> {
        self.require("EventBusName")?.parse().map_err(|error| bad_bus_name(&error))
    }

    /// `RuleName`.
    pub(crate) fn rule(&self) -> Result<RuleName, RpcError> {
        self.require("RuleName")?.parse().map_err(|error| bad_rule_name(&error))
    }

    /// `EventSourceName`.
    pub(crate) fn source(&self) -> Result<SourceName, RpcError> {
        Ok(self.require("EventSourceName")?.parse::<SourceName>()?)
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<i64>, RpcError> {
        match self.get(name).filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map(Some).map_err(|_| RpcError::invalid(name)),
            None => Ok(None),
        }
    }

    /// A structured parameter: JSON text, or flattened as `Name.1.Key=value`.
    pub(crate) fn structured<T: for<'de> Deserialize<'de>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, RpcError> {
        let bad = |error: serde_json::Error| RpcError::invalid_because(name, &misshapen(&error));
        match self.get(name).filter(|text| !text.is_empty()) {
            Some(text) => serde_json::from_str(text).map(Some).map_err(bad),
            None => match self.unflattened(name)? {
                Some(value) => serde_json::from_value(value).map(Some).map_err(bad),
                None => Ok(None),
            },
        }
    }

    /// Rebuilds a value from parameters such as `Tags.1.Key` and `Tags.1.Value`.
    fn unflattened(&self, name: &'static str) -> Result<Option<Value>, RpcError> {
        let mut root = Branch::default();
        for (known, value) in self.iter() {
            let Some(path) = known.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            let steps: Vec<&str> = path.split('.').collect();
            if steps.len() > DEPTH_MAX || steps.contains(&"") {
                return Err(RpcError::invalid(name));
            }
            root.insert(&steps, value);
        }
        Ok((!root.children.is_empty()).then(|| root.value()))
    }
}

/// A flattened value while it is put together.
#[derive(Default)]
struct Branch {
    leaf: Option<String>,
    children: std::collections::BTreeMap<String, Branch>,
}

impl Branch {
    fn insert(&mut self, steps: &[&str], value: &str) {
        match steps {
            [] => self.leaf = Some(value.to_owned()),
            [first, rest @ ..] => self.children.entry((*first).to_owned()).or_default().insert(rest, value),
        }
    }

    /// A list when all children are numbers, in the order of the numbers, however far apart; else an object.
    fn value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.leaf.unwrap_or_default());
        }
        let numbered: Option<Vec<u32>> = self.children.keys().map(|key| key.parse().ok()).collect();
        let values = self.children.into_iter().map(|(key, child)| (key, child.value()));
        match numbered {
            Some(numbers) => {
                let mut items: Vec<(u32, Value)> =
                    numbers.into_iter().zip(values).map(|(number, (_, value))| (number, value)).collect();
                items.sort_by_key(|(number, _)| *number);
                Value::Array(items.into_iter().map(|(_, value)| value).collect())
            }
            None => Value::Object(values.collect::<Map<_, _>>()),
        }
    }
}

fn malformed(reason: &str) -> RpcError {
    RpcError::invalid_because("Parameter", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn structured(query: &str) -> Result<Option<Value>, String> {
        let params = Params::parse(query, b"").unwrap();
        params.structured("T").map_err(|error| error.code.into_owned())
    }

    #[test]
    fn query_and_form_are_one_map_and_the_form_wins() {
        let params = Params::parse("a=1&b=2&c=d+e%E4%B8%AD", b"b=3&x=%7B%7D").unwrap();
        assert_eq!(
            ["a", "b", "c", "x", "y"].map(|n| params.get(n)),
            [Some("1"), Some("3"), Some("d e中"), Some("{}"), None]
        );
        let all: Vec<_> = params.iter().collect();
        assert_eq!(all, [("a", "1"), ("c", "d e中"), ("b", "3"), ("x", "{}")]);
    }

    #[test]
    fn structured_parameters_come_as_json_or_flattened() {
        assert_eq!(structured(""), Ok(None));
        assert_eq!(structured(r#"T=[{"a":1}]"#), Ok(Some(json!([{"a": 1}]))));
        assert_eq!(structured("T=["), Err("InvalidT".to_owned()));
        let flat = "T.2.Key=b&T.10.Key=c&T.1.Key=a&T.1.Params.1.Form=ORIGINAL&Tx.1=no";
        let expected = json!([{"Key": "a", "Params": [{"Form": "ORIGINAL"}]}, {"Key": "b"}, {"Key": "c"}]);
        assert_eq!(structured(flat), Ok(Some(expected)));
        assert_eq!(structured("T.Arn=x"), Ok(Some(json!({"Arn": "x"}))));
        assert_eq!(structured("T.1.1.1.1.1.1.1.1.1=x"), Err("InvalidT".to_owned()));
        assert_eq!(structured("T..1=x"), Err("InvalidT".to_owned()));
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let params = Params::parse("EventBusName=&Limit=x", b"").unwrap();
        assert_eq!(params.bus().unwrap_err().code, "MissingEventBusName");
        assert_eq!(params.number("Limit").unwrap_err().code, "InvalidLimit");
        assert!(Params::parse("", b"a=\xff").is_err());
        let many = "a=1&".repeat(COUNT_MAX + 1);
        assert!(Params::parse(&many, b"").is_err());
    }
}
