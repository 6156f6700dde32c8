//! Targets: what a rule says of them, and what the dispatcher makes of that.
//!
//! Each type has a file that reads its parameters, and one in `attempt/` that calls it.

mod bus;
mod destination;
mod function;
mod http;
mod params;
mod queue;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kulkul_model::{
    ApiDestinationName, BusName, FunctionName, InvalidName, MessageQueueName, Qualifier, TargetId,
};
use kulkul_outbound::{Reach, TargetUrl};
use kulkul_store::{QueueId, StoreFuture};
use kulkul_transform::{Transform, TransformError};

use crate::dead_letter_queue;
use crate::{Delivery, ErrorsTolerance, InvocationMode, Policy, RetryStrategy, TargetAnswer};

/// A target as its owner described it. [`TargetConfig::compile`] says whether it can work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    /// Its id in its rule.
    pub id: TargetId,
    /// The wire name of its type, such as `acs.fc.function`.
    pub kind: String,
    /// An ARN or URL, by type.
    pub endpoint: String,
    /// The parameters (wire: `ParamList`).
    pub params: Vec<TargetParam>,
    /// The waits between attempts.
    pub retry: RetryStrategy,
    /// What happens to the deliveries behind one that is given up.
    pub tolerance: ErrorsTolerance,
    /// How many attempts may be under way at once; the server's default when absent.
    pub concurrency: Option<NonZeroU32>,
    /// Overrides the number of retries of the strategy.
    pub age_max: Option<Duration>,
    /// Where dead letters should go (wire: `DeadLetterQueue.Arn`), kept as given.
    pub dead_letter_arn: Option<String>,
}

/// One parameter of a target: how one value is made from the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetParam {
    /// Which value. Compared without regard to case.
    pub key: String,
    /// How it is made.
    pub form: ParamForm,
    /// The constant, path or variables.
    pub value: Option<String>,
    /// The template.
    pub template: Option<String>,
}

/// The forms of a parameter (wire: `Form`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamForm {
    /// `ORIGINAL`.
    Original,
    /// `CONSTANT`.
    Constant,
    /// `JSONPATH`.
    JsonPath,
    /// `TEMPLATE`.
    Template,
    /// `OSS_NOTIFICATION`: not of EventBridge; what an object trigger gives to a function.
    ObjectNotification,
}

/// Why a target cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no such type of target here.
    #[error("target type `{kind}` is not supported; supported: {}", SUPPORTED_KINDS.join(", "))]
    UnknownKind {
        /// The wire name given.
        kind: String,
    },
    /// A parameter is missing.
    #[error("target `{id}` lacks the parameter `{key}`")]
    MissingParam {
        /// The target.
        id: TargetId,
        /// The parameter.
        key: &'static str,
    },
    /// A parameter is none of those that the type of target has.
    #[error("target `{id}` has the parameter `{key}`; those of `{kind}` are {}", .known.join(", "))]
    UnknownParam {
        /// The target.
        id: TargetId,
        /// The wire name of its type.
        kind: String,
        /// The parameter, cut when it is long.
        key: String,
        /// The parameters that there are.
        known: &'static [&'static str],
    },
    /// A parameter is there twice.
    #[error("target `{id}` has the parameter `{key}` twice")]
    DoubledParam {
        /// The target.
        id: TargetId,
        /// The parameter, as it is written the second time.
        key: String,
    },
    /// A parameter has a form or value that its type does not take.
    #[error("parameter `{key}` of target `{id}` {problem}")]
    BadParam {
        /// The target.
        id: TargetId,
        /// The parameter.
        key: &'static str,
        /// What is wrong, as a predicate.
        problem: String,
    },
    /// A parameter cannot be made from an event as described.
    #[error("parameter `{key}` of target `{id}` cannot be made")]
    BadTransform {
        /// The target.
        id: TargetId,
        /// The parameter.
        key: &'static str,
        /// Why.
        #[source]
        source: TransformError,
    },
    /// There is no such kind of dead-letter queue here.
    #[error(
        "the dead-letter queue `{arn}` of target `{id}` is not supported; supported: {}",
        dead_letter_queue::SUPPORTED.join(", ")
    )]
    UnknownDeadLetterQueue {
        /// The target.
        id: TargetId,
        /// What was given.
        arn: String,
    },
    /// The endpoint does not fit the type.
    #[error("the endpoint of target `{id}` cannot be used")]
    BadEndpoint {
        /// The target.
        id: TargetId,
        /// Why.
        #[source]
        source: InvalidName,
    },
    /// The endpoint is an address that this server sends no requests to.
    #[error(
        "target `{id}`: requests to {host} are not allowed; `allow_targets` (KULKUL_ALLOW_TARGETS) decides"
    )]
    OutOfReach {
        /// The target.
        id: TargetId,
        /// The address.
        host: String,
    },
}

/// The wire names of the target types that this server has.
pub const SUPPORTED_KINDS: &[&str] =
    &["acs.api.destination", "acs.eventbridge", "acs.fc.function", "acs.mns.queue", "http", "https"];

/// A queue's target, ready to be tried.
#[derive(Clone)]
pub struct Plan {
    /// The queue whose deliveries it takes.
    pub queue: QueueId,
    /// What is called.
    pub call: Call,
    /// How it is tried.
    pub policy: Policy,
    /// How many attempts may be under way at once; the dispatcher's default when absent.
    pub concurrency: Option<NonZeroU32>,
    /// Somebody to tell how each delivery ended.
    pub epilogue: Option<Arc<dyn Epilogue>>,
    /// The dead-letter queue that takes what is given up; without one it is kept here.
    pub dead_letters: Option<Call>,
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A function, with what the transform makes of the event.
    Function {
        /// The function.
        function: FunctionName,
        /// Which version of it.
        qualifier: Qualifier,
        /// Whether to wait for its end.
        mode: InvocationMode,
        /// What it receives.
        body: Transform,
    },
    /// A signed request to an address.
    Push {
        /// The address.
        url: TargetUrl,
        /// A shared secret that is sent and signed along (wire: `Token`).
        token: Option<String>,
        /// What it receives.
        body: Transform,
    },
    /// Another bus, with the event as it is.
    Bus {
        /// The bus.
        bus: BusName,
    },
    /// An API destination. What is missing is not sent.
    Destination {
        /// The API destination.
        destination: ApiDestinationName,
        /// What becomes a JSON object of headers.
        headers: Option<Transform>,
        /// What becomes a JSON object of parameters of the query.
        query: Option<Transform>,
        /// What becomes the body.
        body: Option<Transform>,
    },
    /// A message queue.
    Queue {
        /// The queue.
        queue: MessageQueueName,
        /// The message.
        body: Transform,
        /// How the message is written.
        encoding: BodyEncoding,
    },
    /// A function, with the record's body as it is: an asynchronous invocation.
    Invocation {
        /// The function.
        function: FunctionName,
        /// Which version of it.
        qualifier: Qualifier,
    },
}

/// How the body of a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEncoding {
    /// As it is.
    Plain,
    /// In base64.
    Base64,
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// How many attempts were made.
    pub attempt_count: u32,
    /// The last answer.
    pub answer: TargetAnswer,
}

/// Somebody who is told of each delivery that ended well or was given up, before that is stored. Told again when the
/// process dies in between.
pub trait Epilogue: Send + Sync + 'static {
    /// Does what must be durable before the delivery may be forgotten.
    fn ended<'a>(&'a self, delivery: &'a Delivery, ending: &'a Ending) -> StoreFuture<'a, ()>;
}

impl TargetConfig {
    /// Checks the target and makes the plan for its queue.
    pub fn compile(&self, queue: QueueId) -> Result<Plan, TargetError> {
        let call = match self.kind.as_str() {
            "acs.api.destination" => destination::call(self)?,
            "acs.eventbridge" => bus::call(self)?,
            "acs.fc.function" => function::call(self)?,
            "acs.mns.queue" => queue::call(self)?,
            "http" | "https" => http::call(self)?,
            _ => return Err(TargetError::UnknownKind { kind: self.kind.clone() }),
        };
        let policy = Policy { retry: self.retry, tolerance: self.tolerance, age_max: self.age_max };
        let dead_letters = dead_letter_queue::call(self)?;
        Ok(Plan { queue, call, policy, concurrency: self.concurrency, epilogue: None, dead_letters })
    }

    /// The parameters that targets of this type have, those without meaning here included; `None` for a type that is
    /// not offered.
    ///
    /// Source: EventBridge 2020-04-01, event target parameters.
    fn known_keys(&self) -> Option<&'static [&'static str]> {
        match self.kind.as_str() {
            "acs.api.destination" => Some(destination::KEYS),
            "acs.eventbridge" => Some(bus::KEYS),
            "acs.fc.function" => Some(function::KEYS),
            "acs.mns.queue" => Some(queue::KEYS),
            "http" | "https" => Some(http::KEYS),
            _ => None,
        }
    }

    /// Refuses a target whose address is written out and out of reach. What a name resolves to is judged at each attempt.
    pub fn check_reach(&self, call: &Call, reach: Reach) -> Result<(), TargetError> {
        match call {
            Call::Push { url, .. } if !url.literal_zone().is_none_or(|zone| reach.includes(zone)) => {
                Err(TargetError::OutOfReach { id: self.id.clone(), host: url.host().to_owned() })
            }
            Call::Push { .. }
            | Call::Function { .. }
            | Call::Bus { .. }
            | Call::Destination { .. }
            | Call::Queue { .. }
            | Call::Invocation { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Param<'a> = (&'a str, ParamForm, Option<&'a str>);

    fn config(kind: &str, params: &[Param<'_>]) -> TargetConfig {
        let param = |&(key, form, value): &Param<'_>| TargetParam {
            key: key.to_owned(),
            form,
            value: value.map(str::to_owned),
            template: None,
        };
        TargetConfig {
            id: "t1".parse().unwrap(),
            kind: kind.to_owned(),
            endpoint: "acs:fc:cn-hangzhou:1:services/svc.prod/functions/resize".to_owned(),
            params: params.iter().map(param).collect(),
            retry: RetryStrategy::Backoff,
            tolerance: ErrorsTolerance::All,
            concurrency: None,
            age_max: None,
            dead_letter_arn: None,
        }
    }

    #[test]
    fn a_function_target_is_told_from_endpoint_and_parameters() {
        use ParamForm::{Constant, Original};
        let config = config(
            "acs.fc.function",
            &[
                ("serviceName", Constant, Some("svc")),
                ("BODY", Original, None),
                ("InvocationType", Constant, Some("Sync")),
            ],
        );
        let plan = config.compile(QueueId("q".into())).unwrap();
        let expected = Call::Function {
            function: "resize".parse().unwrap(),
            qualifier: "prod".parse().unwrap(),
            mode: InvocationMode::Sync,
            body: Transform::Original,
        };
        assert_eq!(plan.call, expected);
    }

    #[test]
    fn the_format_of_a_function_target_decides_whether_it_gets_a_list() {
        use ParamForm::{Constant, Original};
        let body = |format: &str| {
            let params = [("Body", Original, None), ("dataFormat", Constant, Some(format))];
            match config("acs.fc.function", &params).compile(QueueId("q".into())) {
                Ok(Plan { call: Call::Function { body, .. }, .. }) => Ok(body),
                Ok(_) => panic!("it is a function"),
                Err(error) => Err(error.to_string()),
            }
        };
        assert_eq!(body("Object"), Ok(Transform::Original));
        assert_eq!(body("ObjectList"), Ok(Transform::Original.in_a_list()));
        let refused = "parameter `DataFormat` of target `t1` must be `Object` or `ObjectList`";
        assert_eq!(body("List"), Err(refused.to_owned()));
    }

    fn at(endpoint: &str, kind: &str, params: &[Param<'_>]) -> Result<Call, String> {
        let config = TargetConfig { endpoint: endpoint.to_owned(), ..config(kind, params) };
        config.compile(QueueId("q".into())).map(|plan| plan.call).map_err(|error| error.to_string())
    }

    #[test]
    fn an_http_target_is_told_from_its_address() {
        use ParamForm::{Constant, Original};
        let body = ("Body", Original, None);
        let push = |url: &str, token: Option<&str>| {
            Ok(Call::Push {
                url: url.parse().unwrap(),
                token: token.map(str::to_owned),
                body: Transform::Original,
            })
        };
        assert_eq!(at("http://a.test/x?y", "http", &[body]), push("http://a.test/x?y", None));
        let params = [
            ("URL", Constant, Some("https://b.test/")),
            ("Network", Constant, Some("PublicNetwork")),
            ("Token", Constant, Some("tok")),
            body,
        ];
        assert_eq!(at("https://a.test/", "https", &params), push("https://b.test/", Some("tok")));
        let table: [(&str, &str, &[Param<'_>], &str); 6] = [
            ("http://a.test/", "https", &[body], "must start with `https://`"),
            ("ftp://a.test/", "http", &[body], "must be an http or https address"),
            ("http://a.test/", "http", &[], "lacks the parameter `Body`"),
            (
                "http://a.test/",
                "http",
                &[body, ("Network", Constant, Some("Moon"))],
                "must be `PublicNetwork`",
            ),
            ("http://a.test/", "http", &[body, ("Token", Constant, Some("a\nb"))], "printable ASCII"),
            ("http://a.test/", "http", &[body, ("url", Original, None)], "must have the form CONSTANT"),
        ];
        for (endpoint, kind, params, reason) in table {
            let error = at(endpoint, kind, params).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn an_address_that_is_written_out_must_be_within_reach() {
        let target = TargetConfig {
            endpoint: "http://127.0.0.1:80/".to_owned(),
            ..config("http", &[("Body", ParamForm::Original, None)])
        };
        let call = target.compile(QueueId("q".into())).unwrap().call;
        let local = Reach { loopback: true, ..Reach::PUBLIC };
        assert_eq!(target.check_reach(&call, local), Ok(()));
        let error = target.check_reach(&call, Reach::PUBLIC).unwrap_err().to_string();
        assert!(error.contains("requests to 127.0.0.1 are not allowed"), "{error}");
    }

    #[test]
    fn another_bus_takes_whole_events_only() {
        use ParamForm::{Constant, Original};
        let (arn, body) = ("acs:eventbridge:cn-hangzhou:1:eventbus/b", ("Body", Original, None));
        let bus = Ok(Call::Bus { bus: "b".parse().unwrap() });
        assert_eq!(at(arn, "acs.eventbridge", &[body, ("EventBusName", Constant, Some("b"))]), bus);
        let table: [(&str, &[Param<'_>], &str); 5] = [
            ("acs:mns:cn-hangzhou:1:queues/b", &[body], "the endpoint of target `t1` cannot be used"),
            (arn, &[], "lacks the parameter `Body`"),
            (arn, &[("Body", Constant, Some("x"))], "must have the form ORIGINAL"),
            (arn, &[body, ("EventBusName", Constant, Some("c"))], "differs from the bus of the endpoint"),
            (arn, &[body, ("AccountType", Constant, Some("AnotherAccount"))], "must be `SameAccount`"),
        ];
        for (endpoint, params, reason) in table {
            let error = at(endpoint, "acs.eventbridge", params).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn an_api_destination_is_told_from_its_endpoint() {
        use ParamForm::{Constant, JsonPath, Original};
        let arn = "acs:api-destination:cn-hangzhou:1:name/crm";
        let params = [
            ("Name", Constant, Some("crm")),
            ("BodyParameters", Original, None),
            ("HeaderParameters", JsonPath, Some("$.data.headers")),
        ];
        let expected = Ok(Call::Destination {
            destination: "crm".parse().unwrap(),
            headers: Some(Transform::json_path("$.data.headers").unwrap()),
            query: None,
            body: Some(Transform::Original),
        });
        assert_eq!(at(arn, "acs.api.destination", &params), expected);
        let table: [(&str, &[Param<'_>], &str); 3] = [
            ("http://h.test/", &[], "the endpoint of target `t1` cannot be used"),
            (arn, &[("Name", Constant, Some("other"))], "differs from the API destination"),
            (arn, &[("Name", Original, None)], "must have the form CONSTANT"),
        ];
        for (endpoint, params, reason) in table {
            let error = at(endpoint, "acs.api.destination", params).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_message_queue_takes_any_form() {
        use ParamForm::{Constant, JsonPath};
        let params = [
            ("queue", Constant, Some("q-1")),
            ("Body", JsonPath, Some("$.data")),
            ("IsBase64Encode", Constant, Some("true")),
        ];
        let target = TargetConfig {
            endpoint: "acs:mns:cn-hangzhou:1:queues/q-1".to_owned(),
            ..config("acs.mns.queue", &params)
        };
        let expected = Call::Queue {
            queue: "q-1".parse().unwrap(),
            body: Transform::json_path("$.data").unwrap(),
            encoding: BodyEncoding::Base64,
        };
        assert_eq!(queue::call(&target), Ok(expected));
    }

    #[test]
    fn a_parameter_that_nobody_would_read_is_refused() {
        use ParamForm::{Constant, Original};
        let body = ("Body", Original, None);
        let refused = |kind: &str, params: &[Param<'_>]| {
            config(kind, params).check_keys().err().map(|error| error.to_string())
        };
        let unknown =
            "target `t1` has the parameter `Bodi`; those of `acs.mns.queue` are queue, Body, IsBase64Encode";
        assert_eq!(refused("acs.mns.queue", &[body, ("Bodi", Original, None)]).as_deref(), Some(unknown));
        let twice =
            refused("acs.mns.queue", &[body, ("queue", Constant, Some("q")), ("body", Original, None)]);
        assert_eq!(twice.as_deref(), Some("target `t1` has the parameter `body` twice"));
        let long = refused("http", &[(&*"x".repeat(1000), Original, None)]).unwrap_or_default();
        assert!(long.len() < 300, "{long}");
        assert_eq!(
            refused("acs.sae", &[("Bodi", Original, None)]),
            None,
            "its type is what is wrong with it"
        );
    }

    #[test]
    fn every_documented_parameter_is_known_whatever_its_case() {
        // Source: EventBridge 2020-04-01, event target parameters.
        let table: [(&str, &[&str]); 6] = [
            (
                "acs.fc.function",
                &["serviceName", "functionName", "Body", "Qualifier", "InvocationType", "DataFormat"],
            ),
            (
                "http",
                &[
                    "url",
                    "Body",
                    "Network",
                    "VPCNameAndId",
                    "VSwitchesNameAndId",
                    "SecurityGroupNameAndId",
                    "Token",
                ],
            ),
            ("https", &["URL", "body", "network", "VpcId", "VSwitchIds", "SecurityGroupId"]),
            (
                "acs.eventbridge",
                &["RegionId", "AccountType", "AccountId", "EventBusName", "RAMRoleName", "Body"],
            ),
            ("acs.api.destination", &["Name", "HeaderParameters", "BodyParameters", "QueryStringParameters"]),
            ("acs.mns.queue", &["queue", "Body", "IsBase64Encode"]),
        ];
        for (kind, keys) in table {
            let params: Vec<Param<'_>> = keys.iter().map(|key| (*key, ParamForm::Original, None)).collect();
            assert_eq!(config(kind, &params).check_keys(), Ok(()), "{kind}");
        }
    }

    #[test]
    fn a_target_that_cannot_work_is_refused_with_the_reason() {
        use ParamForm::{Constant, Original};
        let table: [(&str, &[Param<'_>], &str); 4] = [
            (
                "acs.sae",
                &[],
                "target type `acs.sae` is not supported; supported: acs.api.destination, acs.eventbridge, acs.fc.function, acs.mns.queue, http, https",
            ),
            ("acs.fc.function", &[], "target `t1` lacks the parameter `Body`"),
            (
                "acs.fc.function",
                &[("Body", Original, None), ("InvocationType", Constant, Some("Later"))],
                "parameter `InvocationType` of target `t1` must be `Sync` or `Async`",
            ),
            (
                "acs.fc.function",
                &[("Body", Original, None), ("Qualifier", Original, None)],
                "parameter `Qualifier` of target `t1` must have the form CONSTANT",
            ),
        ];
        for (kind, params, message) in table {
            let error = config(kind, params).compile(QueueId("q".into())).err().map(|e| e.to_string());
            assert_eq!(error.as_deref(), Some(message));
        }
    }
}
