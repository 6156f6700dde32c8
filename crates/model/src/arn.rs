//! Names of resources across the cloud: `acs:{service}:{region}:{account}:{resource}`.

use crate::{
    ApiDestinationName, BusName, FunctionName, Identity, InvalidName, MessageQueueName, Qualifier, RuleName,
};

/// The ARN of a bus: `acs:eventbridge:{region}:{account}:eventbus/{bus}`.
pub fn bus_arn(identity: &Identity, bus: &BusName) -> String {
    format!("acs:eventbridge:{}:{}:eventbus/{bus}", identity.region, identity.account)
}

/// The ARN of a rule: that of its bus, `/rule/` and its name.
pub fn rule_arn(identity: &Identity, bus: &BusName, rule: &RuleName) -> String {
    format!("{}/rule/{rule}", bus_arn(identity, bus))
}

/// The ARN of an event source that is registered on a bus: that of its bus, `/eventsource/` and its name.
pub fn source_arn(identity: &Identity, bus: &BusName, source: &str) -> String {
    format!("{}/eventsource/{source}", bus_arn(identity, bus))
}

/// The ARN of an event source that is bound to no bus, such as a service of the cloud:
/// `acs:eventbridge:{region}:SYSTEM:eventsource/{source}`.
pub fn system_source_arn(identity: &Identity, source: &str) -> String {
    format!("acs:eventbridge:{}:SYSTEM:eventsource/{source}", identity.region)
}

/// The ARN of a function, `acs:fc:{region}:{account}:functions/{function}`, with `/{qualifier}` when one is given.
pub fn function_arn(identity: &Identity, function: &FunctionName, qualifier: Option<&Qualifier>) -> String {
    let arn = format!("acs:fc:{}:{}:functions/{function}", identity.region, identity.account);
    match qualifier {
        Some(qualifier) => format!("{arn}/{qualifier}"),
        None => arn,
    }
}

/// The ARN of a bucket: `acs:oss:{region}:{account}:{bucket}`.
pub fn bucket_arn(identity: &Identity, bucket: &str) -> String {
    format!("acs:oss:{}:{}:{bucket}", identity.region, identity.account)
}

/// A parsed ARN of a function. Region and account are not kept: this server has one of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionArn {
    /// The function.
    pub function: FunctionName,
    /// The version or alias, when the ARN names one.
    pub qualifier: Option<Qualifier>,
}

/// A parsed ARN of an event bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBusArn {
    /// The bus.
    pub bus: BusName,
}

/// A parsed ARN of a message queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageQueueArn {
    /// The queue.
    pub queue: MessageQueueName,
}

/// A parsed ARN of an API destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiDestinationArn {
    /// The API destination.
    pub destination: ApiDestinationName,
}

const FUNCTION_ARN: InvalidName = InvalidName {
    what: "function ARN",
    rule: "`acs:fc:{region}:{account}:functions/{function}[/{qualifier}]` or the older \
           `acs:fc:{region}:{account}:services/{service}.{qualifier}/functions/{function}`",
};

const BUS_ARN: InvalidName =
    InvalidName { what: "event bus ARN", rule: "`acs:eventbridge:{region}:{account}:eventbus/{bus}`" };

const QUEUE_ARN: InvalidName =
    InvalidName { what: "queue ARN", rule: "`acs:mns:{region}:{account}:queues/{queue}`" };

const DESTINATION_ARN: InvalidName =
    InvalidName { what: "API destination ARN", rule: "`acs:api-destination:{region}:{account}:name/{name}`" };

impl std::str::FromStr for FunctionArn {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let resource = resource_of(text, "fc").ok_or(FUNCTION_ARN)?;
        let (function, qualifier) = match resource.split('/').collect::<Vec<_>>()[..] {
            ["functions", function] => (function, None),
            ["functions", function, qualifier] => (function, Some(qualifier)),
            ["services", service, "functions", function] => {
                (function, service.split_once('.').map(|(_, q)| q))
            }
            _ => return Err(FUNCTION_ARN),
        };
        Ok(Self { function: function.parse()?, qualifier: qualifier.map(str::parse).transpose()? })
    }
}

impl std::str::FromStr for EventBusArn {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let resource = resource_of(text, "eventbridge").ok_or(BUS_ARN)?;
        let bus = resource.strip_prefix("eventbus/").ok_or(BUS_ARN)?;
        Ok(Self { bus: bus.parse()? })
    }
}

impl std::str::FromStr for MessageQueueArn {
    type Err = InvalidName;

    /// Official samples have a `/` before `queues` or not.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let resource = resource_of(text, "mns").ok_or(QUEUE_ARN)?;
        let resource = resource.strip_prefix('/').unwrap_or(resource);
        let queue = resource.strip_prefix("queues/").ok_or(QUEUE_ARN)?;
        Ok(Self { queue: queue.parse()? })
    }
}

impl std::str::FromStr for ApiDestinationArn {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let resource = resource_of(text, "api-destination").ok_or(DESTINATION_ARN)?;
        let name = resource.strip_prefix("name/").ok_or(DESTINATION_ARN)?;
        Ok(Self { destination: name.parse()? })
    }
}

/// The last part of an ARN of `service`.
fn resource_of<'a>(arn: &'a str, service: &str) -> Option<&'a str> {
    let mut parts = arn.splitn(5, ':');
    let head = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (head.0 == "acs" && head.1 == service).then_some(())?;
    parts.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_queue_has_a_slash_or_none() {
        for text in ["acs:mns:cn-hangzhou:1:queues/q-1", "acs:mns:cn-hangzhou:1:/queues/q-1"] {
            assert_eq!(text.parse::<MessageQueueArn>().unwrap().queue.as_str(), "q-1");
        }
        for text in ["acs:mns:cn-hangzhou:1:topics/q", "acs:mns:cn-hangzhou:1:queues/q_1", "q-1"] {
            assert!(text.parse::<MessageQueueArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn both_generations_of_function_arns_are_understood() {
        let table = [
            ("acs:fc:cn-hangzhou:1:functions/resize", Some(("resize", None))),
            ("acs:fc:cn-hangzhou:1:functions/resize/prod", Some(("resize", Some("prod")))),
            ("acs:fc:cn-hangzhou:1:services/svc.LATEST/functions/resize", Some(("resize", Some("LATEST")))),
            ("acs:fc:cn-hangzhou:1:layers/x", None),
            ("acs:oss:cn-hangzhou:1:functions/resize", None),
            ("resize", None),
        ];
        for (text, expected) in table {
            let parsed = text.parse::<FunctionArn>().ok();
            let seen =
                parsed.as_ref().map(|a| (a.function.as_str(), a.qualifier.as_ref().map(Qualifier::as_str)));
            assert_eq!(seen, expected, "{text}");
        }
    }
}
