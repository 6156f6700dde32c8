//! Names that users choose, each with the rule of its API.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A text that breaks the rule of the name it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: {rule}")]
pub struct InvalidName {
    /// What the text was meant to be, such as `rule name`.
    pub what: &'static str,
    /// The rule that it breaks, in words.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                valid(text).then(|| Self(text.into())).ok_or(InvalidName { what: $what, rule: $rule })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of an event bus, unique in the account. `default` is always there.
    ///
    /// Source: EventBridge 2020-04-01, limits page and Terraform provider; the union of both is accepted.
    BusName, "event bus name", "1 to 127 letters, digits, `-` and `_`, starting with a letter or digit",
    |t| word(t, 127, |b| b.is_ascii_alphanumeric())
);
name!(
    /// The name of a rule, unique on its bus; same form as [`BusName`].
    ///
    /// A trigger's rule is called `{function}-{trigger}`, which can be longer than 127 characters; up to 255 are
    /// accepted. Source: EventBridge 2020-04-01, limits page.
    RuleName, "rule name", "1 to 255 letters, digits, `-` and `_`, starting with a letter, digit or `_`",
    |t| word(t, 255, |b| b.is_ascii_alphanumeric() || b == b'_')
);
name!(
    /// The id of a target, unique in its rule: 1 to 255 printable characters without `/`.
    TargetId, "target id", "1 to 255 printable characters without `/`",
    |t| (1..=255).contains(&t.len()) && t.chars().all(|c| !c.is_control() && c != '/')
);
name!(
    /// The name of a function.
    ///
    /// 1 to 64 letters, digits, `-` and `_`, starting with a letter or `_`.
    /// Source: Function Compute 2023-03-30, `CreateFunctionInput.functionName`.
    FunctionName, "function name", "1 to 64 letters, digits, `-` and `_`, starting with a letter or `_`",
    |t| word(t, 64, |b| b.is_ascii_alphabetic() || b == b'_')
);
name!(
    /// The name of a trigger, unique within its function.
    ///
    /// Source: Function Compute 2023-03-30, `CreateTriggerInput.triggerName`.
    TriggerName, "trigger name", "1 to 128 letters, digits, `-` and `_`, starting with a letter or `_`",
    |t| word(t, 128, |b| b.is_ascii_alphabetic() || b == b'_')
);
name!(
    /// What a caller writes to choose among the versions of a function: `LATEST`, a version number or an alias.
    Qualifier, "qualifier", "1 to 128 letters, digits, `-` and `_`",
    |t| word(t, 128, |b| b.is_ascii_alphanumeric() || b == b'_')
);

name!(
    /// The name of a message queue.
    ///
    /// Source: Simple Message Queue 2015-06-06, naming rules; newer and older documents differ, the newer ones count.
    MessageQueueName, "queue name", "1 to 120 letters, digits and `-`, starting with a letter or digit",
    |t| word(t, 120, |b| b.is_ascii_alphanumeric()) && !t.contains('_')
);

name!(
    /// The name of a connection.
    ///
    /// Source: EventBridge 2020-04-01, `CreateConnection`; the characters are those of other names.
    ConnectionName, "connection name", "2 to 127 letters, digits, `-` and `_`, starting with a letter or digit",
    |t| t.len() >= 2 && word(t, 127, |b| b.is_ascii_alphanumeric())
);
name!(
    /// The name of an API destination.
    ///
    /// Source: EventBridge 2020-04-01, `CreateApiDestination`; the characters are those of other names.
    ApiDestinationName, "API destination name",
    "2 to 127 letters, digits, `-` and `_`, starting with a letter or digit",
    |t| t.len() >= 2 && word(t, 127, |b| b.is_ascii_alphanumeric())
);

/// Whether `text` has 1 to `max` of the characters letters, digits, `-`, `_`, and a first one that `first` accepts.
fn word(text: &str, max: usize, first: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= max
        && bytes.first().is_some_and(|&b| first(b))
        && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl BusName {
    /// The bus that always exists and takes the events of the cloud's services.
    pub fn default_bus() -> Self {
        Self("default".into())
    }

    /// Whether this is the bus `default`.
    pub fn is_default(&self) -> bool {
        &*self.0 == "default"
    }
}

impl Qualifier {
    /// The mutable head of a function, used when a caller names nothing else.
    pub fn latest() -> Self {
        Self("LATEST".into())
    }

    /// Whether this is `LATEST`.
    pub fn is_latest(&self) -> bool {
        &*self.0 == "LATEST"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_their_apis() {
        assert!("default".parse::<BusName>().unwrap().is_default());
        assert!("-bus".parse::<BusName>().is_err());
        assert!("a".repeat(127).parse::<BusName>().is_ok());
        assert!("a".repeat(128).parse::<BusName>().is_err());
        assert!("9resize".parse::<FunctionName>().is_err());
        assert!("_resize-2".parse::<FunctionName>().is_ok());
        assert!("a".repeat(65).parse::<FunctionName>().is_err());
        assert!("1st".parse::<TriggerName>().is_err());
        assert!("a/b".parse::<TargetId>().is_err());
        let error = "".parse::<RuleName>().unwrap_err().to_string();
        assert!(error.starts_with("not a valid rule name: 1 to 255"), "{error}");
    }
}
