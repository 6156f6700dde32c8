//! The file as it is written: structs that mirror it.
//!
//! A required member is `None` when it is missing or wrong. That was noted, so nothing is said of it again.

use std::time::Duration;

use indexmap::IndexMap;
use kulkul_model::units;
use serde_json::Value;

use super::Problem;
use super::read::{Lined, Place, Read, Reader};
use super::yaml::{self, Node, Yaml};

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) buses: IndexMap<String, Lined<Bus>>,
    pub(super) buckets: Vec<Lined<String>>,
    pub(super) functions: IndexMap<String, Lined<Function>>,
    pub(super) rules: IndexMap<String, Lined<Rule>>,
}

#[derive(Debug)]
pub(super) struct Bus {
    pub(super) description: String,
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) code: Option<Lined<Texts>>,
    pub(super) runtime: Option<Lined<String>>,
    pub(super) handler: Option<String>,
    pub(super) description: String,
    pub(super) memory: Option<Memory>,
    pub(super) timeout: Option<Seconds>,
    pub(super) role: Option<Lined<String>>,
    pub(super) instance_concurrency: Option<u32>,
    pub(super) environment: IndexMap<String, Lined<String>>,
    pub(super) triggers: IndexMap<String, Lined<Trigger>>,
}

#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) bus: Option<String>,
    pub(super) events: Option<Lined<Events>>,
    pub(super) invocation: Invocation,
    pub(super) retry: Retry,
    pub(super) max_age: Option<Seconds>,
    pub(super) concurrency: Option<u32>,
    pub(super) dead_letter: Option<Lined<String>>,
    pub(super) enabled: bool,
    pub(super) description: String,
}

/// Which events are meant: a selection, or a whole pattern.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) source: Texts,
    pub(super) kind: Texts,
    pub(super) bucket: Texts,
    pub(super) key_prefix: Texts,
    pub(super) key_suffix: Texts,
    pub(super) key_not_prefix: Texts,
    pub(super) matches: IndexMap<String, Scalars>,
    pub(super) pattern: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) bus: Option<String>,
    pub(super) events: Option<Lined<Events>>,
    pub(super) enabled: bool,
    pub(super) description: String,
    pub(super) targets: Option<Vec<Lined<Target>>>,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) endpoint: Option<Lined<String>>,
    pub(super) params: Vec<Param>,
    pub(super) retry: Retry,
    pub(super) concurrency: Option<u32>,
    pub(super) dead_letter: Option<Lined<String>>,
}

/// A parameter of a target, as the API has it.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) key: Option<String>,
    pub(super) form: Option<String>,
    pub(super) value: Option<String>,
    pub(super) template: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Invocation {
    #[default]
    Sync,
    Async,
}

#[derive(Clone, Copy, Debug, Default)]
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

/// One text, or a list of them: whatever YAML takes each for, so `type: 404` means the type `404`.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(pub(super) Vec<String>);

/// One scalar, or a list of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Scalars(pub(super) Vec<Value>);

/// Reads the text of a file: what it says, as far as that can be read, and what is wrong with the rest. An error when
/// it is no YAML.
pub(super) fn parse(text: &str) -> Result<(File, Vec<Problem>), Problem> {
    // A file of nothing but comments is a file that asks for nothing.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok((File::default(), Vec::new()));
    }
    let node = yaml::parse(text)?;
    let (place, mut reader) = (Place::of_file(&node), Reader::new(text));
    let file = File::read(node, &place, &mut reader).unwrap_or_default();
    Ok((file, reader.problems))
}

impl Read for File {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            buses: fields.optional("buses").unwrap_or_default(),
            buckets: fields.optional("buckets").unwrap_or_default(),
            functions: fields.optional("functions").unwrap_or_default(),
            rules: fields.optional("rules").unwrap_or_default(),
        })
    }
}

impl Read for Bus {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            description: fields.optional("description").unwrap_or_default(),
        })
    }
}

impl Read for Function {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            code: fields.required("code"),
            runtime: fields.required("runtime"),
            handler: fields.optional("handler"),
            description: fields.optional("description").unwrap_or_default(),
            memory: fields.optional("memory"),
            timeout: fields.optional("timeout"),
            role: fields.optional("role"),
            instance_concurrency: fields.optional("instance_concurrency"),
            environment: fields.optional("environment").unwrap_or_default(),
            triggers: fields.optional("triggers").unwrap_or_default(),
        })
    }
}

impl Read for Trigger {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            events: fields.required("events"),
            bus: fields.optional("bus"),
            invocation: fields.optional("invocation").unwrap_or_default(),
            retry: fields.optional("retry").unwrap_or_default(),
            max_age: fields.optional("max_age"),
            concurrency: fields.optional("concurrency"),
            dead_letter: fields.optional("dead_letter"),
            enabled: fields.optional("enabled").unwrap_or(true),
            description: fields.optional("description").unwrap_or_default(),
        })
    }
}

impl Read for Events {
    /// Half a selection would select more than was meant, so it is none when anything about it is wrong.
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let before = reader.problems.len();
        let events = reader.members(node, place, |fields| Self {
            source: fields.given("source"),
            kind: fields.given("type"),
            bucket: fields.given("bucket"),
            key_prefix: fields.given("key_prefix"),
            key_suffix: fields.given("key_suffix"),
            key_not_prefix: fields.given("key_not_prefix"),
            matches: fields.optional("match").unwrap_or_default(),
            pattern: fields.optional("pattern"),
        });
        events.filter(|_| reader.problems.len() == before)
    }
}

impl Read for Rule {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            events: fields.required("events"),
            targets: fields.required("targets"),
            bus: fields.optional("bus"),
            enabled: fields.optional("enabled").unwrap_or(true),
            description: fields.optional("description").unwrap_or_default(),
        })
    }
}

impl Read for Target {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            id: fields.required("id"),
            kind: fields.required("type"),
            endpoint: fields.required("endpoint"),
            params: fields.optional("params").unwrap_or_default(),
            retry: fields.optional("retry").unwrap_or_default(),
            concurrency: fields.optional("concurrency"),
            dead_letter: fields.optional("dead_letter"),
        })
    }
}

impl Read for Param {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.members(node, place, |fields| Self {
            key: fields.required("key"),
            form: fields.required("form"),
            value: fields.optional("value"),
            template: fields.optional("template"),
        })
    }
}

impl Read for Invocation {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.one_of(node, place, &[("sync", Self::Sync), ("async", Self::Async)])
    }
}

impl Read for Retry {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        reader.one_of(
            node,
            place,
            &[("backoff", Self::Backoff), ("exponential-decay", Self::ExponentialDecay)],
        )
    }
}

impl Read for Memory {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, place, reader)?;
        let memory = units::bytes(&text).and_then(|bytes| match bytes.is_multiple_of(1 << 20) && bytes > 0 {
            true => Ok(Self(bytes >> 20)),
            false => Err(format!("is `{text}`, but must be whole MiB")),
        });
        reader.noted(memory, place)
    }
}

impl Read for Seconds {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, place, reader)?;
        let seconds = units::duration(&text).and_then(|duration| {
            match duration.subsec_nanos() == 0 && !duration.is_zero() {
                true => Ok(Self(duration)),
                false => Err(format!("is `{text}`, but must be whole seconds")),
            }
        });
        reader.noted(seconds, place)
    }
}

impl Read for Texts {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        if matches!(node.value, Yaml::List(_)) {
            return Vec::<String>::read(node, place, reader).map(Self);
        }
        String::read(node, place, reader).map(|text| Self(vec![text]))
    }
}

impl Read for Scalars {
    fn read(node: Node, place: &Place, reader: &mut Reader) -> Option<Self> {
        let all = match node.value.into_json() {
            Value::Array(all) => all,
            one => vec![one],
        };
        let scalars = match all.iter().any(|value| value.is_array() || value.is_object()) {
            false => Ok(Self(all)),
            true => Err("must be a value or a list of values".to_owned()),
        };
        reader.noted(scalars, place)
    }
}
