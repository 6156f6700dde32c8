//! A trigger as its owner knows it.

use std::fmt;
use std::str::FromStr;

use kulkul_model::{
    BusName, FunctionName, Identity, Qualifier, RuleName, Timestamp, TriggerName, function_arn,
};

use crate::error::{TriggerError, invalid};

/// A function's subscription to something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The function.
    pub function: FunctionName,
    /// The name, unique within the function.
    pub name: TriggerName,
    /// A UUID that no other trigger has or had.
    pub id: String,
    /// What it subscribes to.
    pub kind: TriggerKind,
    /// Which version of the function is called.
    pub qualifier: Qualifier,
    /// What its owner says of it.
    pub description: Option<String>,
    /// The role of the invoker, kept as given and without effect.
    pub invocation_role: Option<String>,
    /// Where the events come from.
    pub source_arn: String,
    /// The configuration as JSON text (wire: `triggerConfig`).
    pub config: String,
    /// Where its rule comes from.
    pub origin: RuleOrigin,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

/// The kinds of triggers that this server has (wire: `triggerType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerKind {
    /// `eventbridge`.
    EventBridge,
    /// `oss`.
    Objects,
}

/// Where the rule of a trigger comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleOrigin {
    /// It is written by the trigger and goes with it.
    Own,
    /// It was there before, and stays.
    Linked {
        /// Its bus.
        bus: BusName,
        /// The rule.
        rule: RuleName,
    },
}

/// A trigger to create.
#[derive(Clone, Debug)]
pub struct NewTrigger {
    /// The function.
    pub function: FunctionName,
    /// Its name.
    pub name: TriggerName,
    /// `triggerType`.
    pub kind: String,
    /// `triggerConfig`: JSON text.
    pub config: Option<String>,
    /// `qualifier`; `LATEST` when absent.
    pub qualifier: Option<Qualifier>,
    /// `sourceArn`.
    pub source_arn: Option<String>,
    /// `invocationRole`.
    pub invocation_role: Option<String>,
    /// `description`.
    pub description: Option<String>,
}

/// What to change of a trigger. What is absent stays.
#[derive(Clone, Debug, Default)]
pub struct TriggerUpdate {
    /// `triggerConfig`.
    pub config: Option<String>,
    /// `qualifier`.
    pub qualifier: Option<Qualifier>,
    /// `invocationRole`.
    pub invocation_role: Option<String>,
    /// `description`.
    pub description: Option<String>,
}

const DESCRIPTION_CHARS_MAX: usize = 256;

impl Trigger {
    /// The ARN of the function (wire: `targetArn`).
    pub fn target_arn(&self, identity: &Identity) -> String {
        function_arn(identity, &self.function, None)
    }

    /// The rule that a trigger of this name has on the bus `default`.
    pub(crate) fn own_rule(function: &FunctionName, name: &TriggerName) -> RuleName {
        format!("{function}-{name}")
            .parse()
            .expect("two names of up to 64 and 128 characters make a rule name")
    }
}

impl TriggerKind {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventBridge => "eventbridge",
            Self::Objects => "oss",
        }
    }
}

impl fmt::Display for TriggerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TriggerKind {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        match text {
            "eventbridge" => Ok(Self::EventBridge),
            "oss" => Ok(Self::Objects),
            _ => {
                let shown: String = text.chars().take(64).collect();
                invalid(format!("triggerType '{shown}' is not supported; supported: eventbridge, oss"))
            }
        }
    }
}

pub(crate) fn check_description(description: Option<&String>) -> Result<(), TriggerError> {
    match description.map(|text| text.chars().count()) {
        Some(count) if count > DESCRIPTION_CHARS_MAX => {
            invalid(format!("description must have at most {DESCRIPTION_CHARS_MAX} characters, not {count}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_are_refused_with_those_that_exist() {
        for text in ["eventbridge", "oss"] {
            assert_eq!(text.parse::<TriggerKind>().unwrap().to_string(), text);
        }
        for text in ["timer", "http", "log", "mns_topic", "tablestore", "cdn_events", "", "OSS"] {
            let error = text.parse::<TriggerKind>().unwrap_err().to_string();
            assert_eq!(error, format!("triggerType '{text}' is not supported; supported: eventbridge, oss"));
        }
    }

    #[test]
    fn the_longest_names_make_a_rule_name() {
        let function = "f".repeat(64).parse().unwrap();
        let trigger = "t".repeat(128).parse().unwrap();
        assert_eq!(Trigger::own_rule(&function, &trigger).as_str().len(), 193);
    }
}
