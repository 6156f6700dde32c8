//! The file as it is written: structs that mirror it.

use std::time::Duration;

use indexmap::IndexMap;
use kulkul_model::units;
use serde::de::{self, Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::Problem;

/// A value with the line it begins in.
pub(super) type Lined<T> = Spanned<T>;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) buses: IndexMap<String, Lined<Bus>>,
    pub(super) buckets: Vec<Lined<String>>,
    pub(super) functions: IndexMap<String, Lined<Function>>,
    pub(super) rules: IndexMap<String, Lined<Rule>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bus {
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Function {
    pub(super) code: Lined<Scalars>,
    pub(super) runtime: String,
    pub(super) handler: Option<String>,
    #[serde(default)]
    pub(super) description: String,
    pub(super) memory: Option<Memory>,
    pub(super) timeout: Option<Seconds>,
    pub(super) role: Option<Lined<String>>,
    pub(super) instance_concurrency: Option<u32>,
    #[serde(default)]
    pub(super) environment: IndexMap<String, Lined<String>>,
    #[serde(default)]
    pub(super) triggers: IndexMap<String, Lined<Trigger>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    pub(super) bus: Option<String>,
    pub(super) events: Lined<Events>,
    #[serde(default)]
    pub(super) invocation: Invocation,
    #[serde(default)]
    pub(super) retry: Retry,
    pub(super) max_age: Option<Seconds>,
    pub(super) concurrency: Option<u32>,
    pub(super) dead_letter: Option<Lined<String>>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) description: String,
}

/// Which events are meant: a selection, or a whole pattern.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Events {
    #[serde(default)]
    pub(super) source: Scalars,
    #[serde(default, rename = "type")]
    pub(super) kind: Scalars,
    #[serde(default)]
    pub(super) bucket: Scalars,
    #[serde(default)]
    pub(super) key_prefix: Scalars,
    #[serde(default)]
    pub(super) key_suffix: Scalars,
    #[serde(default)]
    pub(super) key_not_prefix: Scalars,
    #[serde(default, rename = "match")]
    pub(super) matches: IndexMap<String, Scalars>,
    pub(super) pattern: Option<Value>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) bus: Option<String>,
    pub(super) events: Lined<Events>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) description: String,
    pub(super) targets: Vec<Lined<Target>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) endpoint: Lined<String>,
    #[serde(default)]
    pub(super) params: Vec<Param>,
    #[serde(default)]
    pub(super) retry: Retry,
    pub(super) concurrency: Option<u32>,
    pub(super) dead_letter: Option<Lined<String>>,
}

/// A parameter of a target, as the API has it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Param {
    pub(super) key: String,
    pub(super) form: String,
    pub(super) value: Option<String>,
    pub(super) template: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Invocation {
    #[default]
    Sync,
    Async,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Retry {
    #[default]
    Backoff,
    ExponentialDecay,
}

/// A size in whole MiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory(pub(super) u64);

/// A duration in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) Duration);

/// One scalar, or a list of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Scalars(pub(super) Vec<Value>);

/// Reads the text of a file.
pub(super) fn parse(text: &str) -> Result<File, Problem> {
    // A file of nothing but comments is a file that asks for nothing.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(File::default());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
        // The message ends with the place, which is said in front.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Problem { line, text }
    })
}

fn yes() -> bool {
    true
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = units::bytes(&text).map_err(|problem| de::Error::custom(format!("memory {problem}")))?;
        match bytes.is_multiple_of(1 << 20) && bytes > 0 {
            true => Ok(Self(bytes >> 20)),
            false => Err(de::Error::custom(format!("memory is `{text}`, but must be whole MiB"))),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration =
            units::duration(&text).map_err(|problem| de::Error::custom(format!("the time {problem}")))?;
        match duration.subsec_nanos() == 0 && !duration.is_zero() {
            true => Ok(Self(duration)),
            false => Err(de::Error::custom(format!("the time is `{text}`, but must be whole seconds"))),
        }
    }
}

impl Scalars {
    /// Each as text, whatever YAML took it for: `type: 404` means the type `404`.
    pub(super) fn texts(&self) -> Vec<String> {
        let text = |scalar: &Value| scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned);
        self.0.iter().map(text).collect()
    }
}

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = match Value::deserialize(deserializer)? {
            Value::Array(all) => all,
            one => vec![one],
        };
        match all.iter().any(|value| value.is_array() || value.is_object()) {
            false => Ok(Self(all)),
            true => Err(de::Error::custom("expected a value or a list of values")),
        }
    }
}
