//! The policy of a form: what its fields must be.
//!
//! Source: OSS, `PostObject` and "POST V4 signature".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_model::Timestamp;
use serde_json::Value;

use crate::error::{Code, OssError};
use crate::signature::FormFields;

/// Fields that the policy of a V4 signature must hold conditions on.
const V4_FIELDS: [&str; 3] = ["x-oss-signature-version", "x-oss-credential", "x-oss-date"];

/// A policy that was read.
#[derive(Debug)]
pub(crate) struct Policy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

/// How large the file may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeRange {
    /// At least so many.
    pub(crate) min: u64,
    /// At most so many.
    pub(crate) max: u64,
}

#[derive(Debug)]
struct Condition {
    /// The condition as it was written, for the error.
    text: String,
    demand: Demand,
}

#[derive(Debug)]
enum Demand {
    Size(SizeRange),
    Field(String, Test),
}

#[derive(Debug)]
enum Test {
    Equal(String),
    StartsWith(String),
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Policy {
    /// Reads the field `policy`: base64 of JSON.
    pub(crate) fn read(field: &str) -> Result<Self, OssError> {
        let invalid = |why: &'static str| Code::InvalidPolicyDocument.with(why);
        let json = STANDARD.decode(field.trim()).map_err(|_| invalid("Invalid Policy: not base64."))?;
        let policy: Value =
            serde_json::from_slice(&json).map_err(|_| invalid("Invalid Policy: Invalid Simple-Json."))?;
        let expiration = policy.get("expiration").and_then(Value::as_str);
        let expiration = expiration
            .and_then(Timestamp::parse_rfc3339)
            .ok_or_else(|| invalid("Invalid Policy: missing or bad expiration."))?;
        let conditions = policy.get("conditions").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| invalid("Invalid Policy: missing conditions."))?;
        let read = conditions.iter().map(read_condition).collect::<Option<Vec<_>>>();
        let conditions = read.ok_or_else(|| invalid("Invalid Policy: Invalid condition."))?;
        Ok(Self { expiration, conditions: conditions.into_iter().flatten().collect() })
    }

    /// Checks the fields of a form for a bucket. Names of fields are in lower case.
    pub(crate) fn check(
        &self,
        fields: &FormFields,
        bucket: &str,
        is_v4: bool,
        now: Timestamp,
    ) -> Result<(), OssError> {
        if self.expiration < now {
            return Err(Code::AccessDenied.with("Invalid according to Policy: Policy expired."));
        }
        let covered = |wanted: &str| {
            self.conditions.iter().any(|c| matches!(&c.demand, Demand::Field(name, _) if name == wanted))
        };
        if is_v4 && !V4_FIELDS.into_iter().all(covered) {
            return Err(Code::AccessDenied
                .with("Invalid according to Policy: it must cover the fields of the signature."));
        }
        let value = |name: &str| match name {
            "bucket" => Some(bucket),
            _ => fields.get(name).map(String::as_str),
        };
        let failed = self.conditions.iter().find(|condition| match &condition.demand {
            Demand::Size(_) => false,
            Demand::Field(name, test) => !value(name).is_some_and(|value| test.holds(value)),
        });
        match failed {
            None => Ok(()),
            Some(condition) => Err(Code::AccessDenied
                .with(format!("Invalid according to Policy: Policy Condition failed: {}", condition.text))),
        }
    }

    /// How large the file may be; of several ranges, what all of them allow.
    pub(crate) fn size_range(&self) -> SizeRange {
        self.conditions.iter().fold(SizeRange { min: 0, max: u64::MAX }, |range, condition| {
            match condition.demand {
                Demand::Size(size) => {
                    SizeRange { min: range.min.max(size.min), max: range.max.min(size.max) }
                }
                Demand::Field(..) => range,
            }
        })
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::StartsWith(prefix) => value.starts_with(prefix),
            Self::In(list) => list.iter().any(|one| one == value),
            Self::NotIn(list) => list.iter().all(|one| one != value),
        }
    }
}

/// One entry of the list: an object with one or more demands, or a list with one.
fn read_condition(entry: &Value) -> Option<Vec<Condition>> {
    match entry {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let text = serde_json::json!(["eq", format!("${name}"), value]).to_string();
                let test = Test::Equal(value.as_str()?.to_owned());
                Some(Condition { text, demand: Demand::Field(name.to_ascii_lowercase(), test) })
            })
            .collect(),
        Value::Array(parts) => {
            let demand = read_list(parts)?;
            Some(vec![Condition { text: entry.to_string(), demand }])
        }
        _ => None,
    }
}

fn read_list(parts: &[Value]) -> Option<Demand> {
    let [mode, field, value] = parts else { return None };
    let mode = mode.as_str()?.to_ascii_lowercase();
    if mode == "content-length-range" {
        return Some(Demand::Size(SizeRange { min: field.as_u64()?, max: value.as_u64()? }));
    }
    let name = field.as_str()?.strip_prefix('$')?.to_ascii_lowercase();
    let text = || value.as_str().map(str::to_owned);
    let list = || -> Option<Vec<String>> {
        value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let test = match mode.as_str() {
        "eq" => Test::Equal(text()?),
        "starts-with" => Test::StartsWith(text()?),
        "in" => Test::In(list()?),
        "not-in" => Test::NotIn(list()?),
        _ => return None,
    };
    Some(Demand::Field(name, test))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(conditions: &str) -> Result<Policy, OssError> {
        let json = format!(r#"{{"expiration":"2030-01-01T00:00:00.000Z","conditions":[{conditions}]}}"#);
        Policy::read(&STANDARD.encode(json))
    }

    fn fields() -> FormFields {
        let pairs = [("key", "in/a.txt"), ("content-type", "text/plain"), ("x-oss-meta-a", "1")];
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn conditions_hold_or_say_which_does_not() {
        let now = Timestamp::parse_rfc3339("2026-11-22T09:00:00Z").unwrap();
        let table = [
            (r#"{"bucket":"bkt"}"#, true),
            (r#"{"bucket":"other"}"#, false),
            (r#"["eq","$Key","in/a.txt"]"#, true),
            (r#"["eq","$key","in/b.txt"]"#, false),
            (r#"["starts-with","$key","in/"]"#, true),
            (r#"["starts-with","$key",""]"#, true),
            (r#"["starts-with","$key","out/"]"#, false),
            (r#"["starts-with","$absent",""]"#, false),
            (r#"["in","$content-type",["a/b","text/plain"]]"#, true),
            (r#"["in","$content-type",["a/b"]]"#, false),
            (r#"["not-in","$content-type",["a/b"]]"#, true),
            (r#"["not-in","$content-type",["text/plain"]]"#, false),
            (r#"["content-length-range",0,5]"#, true),
            ("", true),
        ];
        for (conditions, holds) in table {
            let seen = policy(conditions).unwrap().check(&fields(), "bkt", false, now);
            assert_eq!(seen.is_ok(), holds, "{conditions}: {seen:?}");
        }
        let error = policy(r#"{"bucket":"x"}"#).unwrap().check(&fields(), "bkt", false, now).unwrap_err();
        assert!(error.to_string().ends_with(r#"Policy Condition failed: ["eq","$bucket","x"]"#), "{error}");
        let late = Timestamp::parse_rfc3339("2031-01-01T00:00:00Z").unwrap();
        let error = policy("").unwrap().check(&fields(), "bkt", false, late).unwrap_err();
        assert!(error.to_string().ends_with("Policy expired."), "{error}");
        assert!(policy("").unwrap().check(&fields(), "bkt", true, now).is_err(), "V4 fields are not covered");
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_refused() {
        for conditions in [
            r#""text""#,
            "1",
            r#"["ends-with","$key","x"]"#,
            r#"["eq","key","x"]"#,
            r#"["eq","$key"]"#,
            r#"["content-length-range","a",5]"#,
            r#"{"key":1}"#,
        ] {
            assert_eq!(policy(conditions).unwrap_err().code, Code::InvalidPolicyDocument, "{conditions}");
        }
        for json in ["", "[]", "{}", r#"{"expiration":"2030-01-01T00:00:00Z"}"#, r#"{"conditions":[]}"#] {
            let code = Policy::read(&STANDARD.encode(json)).unwrap_err().code;
            assert_eq!(code, Code::InvalidPolicyDocument, "{json}");
        }
        assert_eq!(Policy::read("{}").unwrap_err().code, Code::InvalidPolicyDocument);
    }

    #[test]
    fn several_sizes_narrow_each_other() {
        let policy = policy(r#"["content-length-range",1,100],["content-length-range",0,50]"#).unwrap();
        assert_eq!(policy.size_range(), SizeRange { min: 1, max: 50 });
    }
}
