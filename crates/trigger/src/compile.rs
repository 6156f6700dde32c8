//! From configurations to rules. Pure.

mod eventbridge;
mod merge;
mod oss;

use kulkul_bus::RuleStatus;
use kulkul_delivery::{ErrorsTolerance, ParamForm, RetryStrategy, TargetConfig, TargetParam};
use kulkul_model::{FunctionName, Identity, Qualifier, function_arn};
use serde_json::{Map, Value};

use crate::TriggerError;
use crate::error::invalid;
use crate::trigger::TriggerKind;

pub(crate) use merge::merged;

/// What a rule is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// The event pattern.
    pub(crate) pattern: String,
    pub(crate) status: RuleStatus,
    pub(crate) target: TargetConfig,
}

/// What a configuration is compiled for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) function: &'a FunctionName,
    pub(crate) qualifier: &'a Qualifier,
    /// `sourceArn` as given, or as it was on creation.
    pub(crate) source_arn: Option<&'a str>,
    /// Whether patterns may use what the cloud does not know.
    pub(crate) extended_patterns: bool,
}

/// Source: the largest configuration that the cloud's rules could ask for is a pattern of 10 240 characters; ours.
const CONFIG_BYTES_MAX: usize = 64 * 1024;

/// Compiles a configuration.
pub(crate) fn compile(
    kind: TriggerKind,
    config: &str,
    context: Context<'_>,
) -> Result<Compiled, TriggerError> {
    let config = parse(config)?;
    match kind {
        TriggerKind::EventBridge => eventbridge::compile(&config, context),
        TriggerKind::Objects => oss::compile(&config, context),
    }
}

/// Reads a configuration, which must be a JSON object.
pub(crate) fn parse(config: &str) -> Result<Map<String, Value>, TriggerError> {
    if config.len() > CONFIG_BYTES_MAX {
        return invalid(format!("triggerConfig must have at most {CONFIG_BYTES_MAX} bytes"));
    }
    match serde_json::from_str(config) {
        Ok(Value::Object(config)) => Ok(config),
        Ok(_) => invalid("triggerConfig must be a JSON object"),
        Err(error) => invalid(format!("triggerConfig is not valid JSON: {error}")),
    }
}

/// How the target is called.
struct TargetForm {
    body: TargetParam,
    invocation_type: &'static str,
}

/// The id of the only target of a trigger's rule.
const TARGET_ID: &str = "function";

fn function_target(context: Context<'_>, form: TargetForm) -> TargetConfig {
    let constant = |key: &str, value: &str| TargetParam {
        key: key.to_owned(),
        form: ParamForm::Constant,
        value: Some(value.to_owned()),
        template: None,
    };
    TargetConfig {
        id: TARGET_ID.parse().expect("a word is a target id"),
        kind: "acs.fc.function".to_owned(),
        endpoint: function_arn(context.identity, context.function, None),
        params: vec![
            constant("functionName", context.function.as_str()),
            constant("Qualifier", context.qualifier.as_str()),
            constant("InvocationType", form.invocation_type),
            form.body,
        ],
        retry: RetryStrategy::Backoff,
        tolerance: ErrorsTolerance::All,
        concurrency: None,
        age_max: None,
        dead_letter_arn: None,
    }
}

fn body(form: ParamForm, value: Option<&str>) -> TargetParam {
    TargetParam { key: "Body".to_owned(), form, value: value.map(str::to_owned), template: None }
}
