//! What makes the events of a source, as clients say it and hear it.
//!
//! Newer clients send one block of parameters, such as `SourceHttpEventParameters`. Older ones send
//! `ExternalSourceType` and the same members in `ExternalSourceConfig`. A source with neither is an application that
//! puts events itself.

mod message_queue;
mod schedule;
mod webhook;

use kulkul_source::SourceKind;
use serde_json::{Map, Value};

use super::error::RpcError;
use super::params::Params;
use crate::gate::Secrets;

/// The kinds that the wire has words for. Not every one is offered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WireKind {
    HttpEvent,
    ScheduledEvent,
    Mns,
    RocketMq,
    RabbitMq,
    Kafka,
    Sls,
    OssEvent,
}

/// Reads the parameters of a kind; faults call them by the name of the parameter that they came in.
type Reader = fn(&'static str, Value) -> Result<SourceKind, RpcError>;

impl WireKind {
    const ALL: [Self; 8] = [
        Self::HttpEvent,
        Self::ScheduledEvent,
        Self::Mns,
        Self::RocketMq,
        Self::RabbitMq,
        Self::Kafka,
        Self::Sls,
        Self::OssEvent,
    ];

    /// The value of `ExternalSourceType`, and the name of the block of parameters.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::HttpEvent => ("HttpEvent", "SourceHttpEventParameters"),
            Self::ScheduledEvent => ("ScheduledEvent", "SourceScheduledEventParameters"),
            Self::Mns => ("MNS", "SourceMNSParameters"),
            Self::RocketMq => ("RocketMQ", "SourceRocketMQParameters"),
            Self::RabbitMq => ("RabbitMQ", "SourceRabbitMQParameters"),
            Self::Kafka => ("Kafka", "SourceKafkaParameters"),
            Self::Sls => ("SLS", "SourceSLSParameters"),
            Self::OssEvent => ("OSSEvent", "SourceOSSEventParameters"),
        }
    }

    /// `None`: the kind is not offered.
    fn reader(self) -> Option<Reader> {
        match self {
            Self::HttpEvent => Some(webhook::read),
            Self::ScheduledEvent => Some(schedule::read),
            Self::Mns => Some(message_queue::read),
            Self::RocketMq | Self::RabbitMq | Self::Kafka | Self::Sls | Self::OssEvent => None,
        }
    }
}

/// The kind of a source that is created.
pub(super) fn required(params: &Params<'_>) -> Result<SourceKind, RpcError> {
    if let Some(kind) = given(params)? {
        return Ok(kind);
    }
    match flag(params, "LinkedExternalSource")? {
        true => Err(RpcError::source_type("a linked external source needs `ExternalSourceType`")),
        false => Ok(SourceKind::Custom),
    }
}

/// The kind that parameters speak of; `None` when there are none.
pub(super) fn given(params: &Params<'_>) -> Result<Option<SourceKind>, RpcError> {
    let mut blocks = Vec::new();
    for kind in WireKind::ALL {
        let (_, parameter) = kind.names();
        if let Some(block) = params.structured::<Value>(parameter)? {
            blocks.push((kind, parameter, block));
        }
    }
    if let Some(name) = params.get("ExternalSourceType").filter(|name| !name.is_empty()) {
        let kind = WireKind::ALL.into_iter().find(|kind| kind.names().0 == name);
        let kind = kind.ok_or_else(|| not_offered(name))?;
        const CONFIG: &str = "ExternalSourceConfig";
        match &blocks[..] {
            [] => {
                let config = params.structured::<Value>(CONFIG)?.unwrap_or_else(|| Map::new().into());
                blocks.push((kind, CONFIG, config));
            }
            [(of_block, ..)] if *of_block == kind => {}
            [(.., parameter, _), ..] => {
                return Err(RpcError::source_type(format!(
                    "`{parameter}` does not go with the type `{name}`"
                )));
            }
        }
    }
    match &mut blocks[..] {
        [] => Ok(None),
        [(kind, parameter, block)] => match kind.reader() {
            Some(read) => read(parameter, block.take()).map(Some),
            None => Err(not_offered(kind.names().0)),
        },
        [(_, one, _), (_, other, _), ..] => {
            Err(RpcError::source_type(format!("an event source has either `{one}` or `{other}`")))
        }
    }
}

/// The value of `ExternalSourceType` and the block of parameters of a source that is listed. `public_url` is where
/// the URLs of webhooks begin.
pub(super) fn shown(
    kind: &SourceKind,
    public_url: &str,
    secrets: Secrets,
) -> (Option<&'static str>, Map<String, Value>) {
    match kind {
        SourceKind::Custom => (None, Map::new()),
        SourceKind::Webhook(settings) => {
            (Some(WireKind::HttpEvent.names().0), webhook::shown(settings, public_url, secrets))
        }
        SourceKind::Schedule(settings) => {
            (Some(WireKind::ScheduledEvent.names().0), schedule::shown(settings))
        }
        SourceKind::Queue(settings) => (Some(WireKind::Mns.names().0), message_queue::shown(settings)),
    }
}

fn not_offered(name: &str) -> RpcError {
    let name: String = name.chars().take(64).collect();
    let offered = WireKind::ALL.into_iter().filter(|kind| kind.reader().is_some());
    let offered: String = offered.map(|kind| format!(", `{}`", kind.names().0)).collect();
    let what = format!("event sources of type `{name}` are not offered");
    RpcError::source_type(format!("{what}; offered are applications that put events (no type){offered}"))
}

/// Clients write booleans as `true` or `True`.
fn flag(params: &Params<'_>, name: &'static str) -> Result<bool, RpcError> {
    match params.get(name).unwrap_or_default() {
        "" | "false" | "False" => Ok(false),
        "true" | "True" => Ok(true),
        _ => Err(RpcError::invalid(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<SourceKind, (String, String)> {
        let params = Params::parse(query, b"").unwrap();
        required(&params).map_err(|error| (error.code.into_owned(), error.message))
    }

    #[test]
    fn a_source_without_parameters_is_an_application() {
        for query in ["", "LinkedExternalSource=False", "ExternalSourceType=&SourceMNSParameters="] {
            assert_eq!(read(query), Ok(SourceKind::Custom), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        let table = [
            ("SourceKafkaParameters={}", "`Kafka` are not offered; offered are applications"),
            ("SourceRocketMQParameters.Topic=t", "`RocketMQ` are not offered"),
            (
                "LinkedExternalSource=True&ExternalSourceType=RabbitMQ&ExternalSourceConfig={}",
                "`RabbitMQ` are not",
            ),
            ("ExternalSourceType=Telex", "`Telex` are not offered"),
            ("LinkedExternalSource=true", "needs `ExternalSourceType`"),
            (
                "SourceKafkaParameters={}&SourceSLSParameters={}",
                "either `SourceKafkaParameters` or `SourceSLS",
            ),
            ("ExternalSourceType=SLS&SourceKafkaParameters={}", "does not go with the type `SLS`"),
        ];
        for (query, reason) in table {
            let (code, message) = read(query).unwrap_err();
            assert_eq!(code, "EventSourceTypeInvalid", "{query}");
            assert!(message.contains(reason), "{query}: {message}");
        }
        for (query, code) in [
            ("LinkedExternalSource=perhaps", "InvalidLinkedExternalSource"),
            ("SourceKafkaParameters={", "InvalidSourceKafkaParameters"),
        ] {
            assert_eq!(read(query).unwrap_err().0, code, "{query}");
        }
    }
}
