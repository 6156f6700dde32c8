//! Targets: what a rule says of them, and what the dispatcher makes of that.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kulkul_model::{FunctionArn, FunctionName, InvalidName, Qualifier, TargetId};
use kulkul_store::{QueueId, StoreFuture};
use kulkul_transform::{Transform, TransformError};

use crate::{Delivery, ErrorsTolerance, FunctionAnswer, InvocationMode, Policy, RetryStrategy};

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
    /// The endpoint does not fit the type.
    #[error("the endpoint of target `{id}` cannot be used")]
    BadEndpoint {
        /// The target.
        id: TargetId,
        /// Why.
        #[source]
        source: InvalidName,
    },
}

/// The wire names of the target types that this server has.
pub const SUPPORTED_KINDS: &[&str] = &["acs.fc.function"];

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
    /// A function, with the record's body as it is: an asynchronous invocation.
    Invocation {
        /// The function.
        function: FunctionName,
        /// Which version of it.
        qualifier: Qualifier,
    },
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// How many attempts were made.
    pub attempt_count: u32,
    /// The last answer.
    pub answer: FunctionAnswer,
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
            "acs.fc.function" => self.function_call()?,
            _ => return Err(TargetError::UnknownKind { kind: self.kind.clone() }),
        };
        let policy = Policy { retry: self.retry, tolerance: self.tolerance, age_max: self.age_max };
        Ok(Plan { queue, call, policy, concurrency: self.concurrency, epilogue: None })
    }

    /// Source: EventBridge 2020-04-01, target parameters of `acs.fc.function`. Of its keys only `Body` decides what
    /// cannot be told from the endpoint; the service of Function Compute 2.0 is accepted and has no meaning.
    fn function_call(&self) -> Result<Call, TargetError> {
        let arn: FunctionArn = self
            .endpoint
            .parse()
            .map_err(|source| TargetError::BadEndpoint { id: self.id.clone(), source })?;
        let function = match self.constant("functionName")? {
            Some(name) => self.parsed("functionName", &name)?,
            None => arn.function,
        };
        let qualifier = match self.constant("Qualifier")?.filter(|text| !text.is_empty()) {
            Some(text) => self.parsed("Qualifier", &text)?,
            None => arn.qualifier.unwrap_or_else(Qualifier::latest),
        };
        let mode = match self.constant("InvocationType")?.as_deref() {
            Some(text) if text.eq_ignore_ascii_case("sync") => InvocationMode::Sync,
            Some(text) if text.eq_ignore_ascii_case("async") => InvocationMode::Async,
            Some(_) => return Err(self.bad("InvocationType", "must be `Sync` or `Async`")),
            None => InvocationMode::Async,
        };
        let body =
            self.param("Body").ok_or(TargetError::MissingParam { id: self.id.clone(), key: "Body" })?;
        Ok(Call::Function { function, qualifier, mode, body: self.transform("Body", body)? })
    }

    fn param(&self, key: &str) -> Option<&TargetParam> {
        self.params.iter().find(|param| param.key.eq_ignore_ascii_case(key))
    }

    fn constant(&self, key: &'static str) -> Result<Option<String>, TargetError> {
        match self.param(key) {
            None => Ok(None),
            Some(TargetParam { form: ParamForm::Constant, value, .. }) => Ok(value.clone()),
            Some(_) => Err(self.bad(key, "must have the form CONSTANT")),
        }
    }

    fn transform(&self, key: &'static str, param: &TargetParam) -> Result<Transform, TargetError> {
        let transform = param.transform();
        transform.map_err(|source| TargetError::BadTransform { id: self.id.clone(), key, source })
    }

    fn parsed<T: std::str::FromStr<Err = InvalidName>>(
        &self,
        key: &'static str,
        text: &str,
    ) -> Result<T, TargetError> {
        text.parse().map_err(|error: InvalidName| self.bad(key, &format!("is {error}")))
    }

    fn bad(&self, key: &'static str, problem: &str) -> TargetError {
        TargetError::BadParam { id: self.id.clone(), key, problem: problem.to_owned() }
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
    fn a_target_that_cannot_work_is_refused_with_the_reason() {
        use ParamForm::{Constant, Original};
        let table: [(&str, &[Param<'_>], &str); 4] = [
            ("acs.sae", &[], "target type `acs.sae` is not supported; supported: acs.fc.function"),
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
