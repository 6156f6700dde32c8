//! `acs.fc.function`: a function of this server.
//!
//! Source: EventBridge 2020-04-01, target parameters of `acs.fc.function`. The service of Function Compute 2.0 is accepted
//! and has no meaning. That `DataFormat` is `Object` when it is missing, and what an `ObjectList` is, is inferred.

use kulkul_model::{FunctionArn, Qualifier};

use super::{Call, TargetConfig, TargetError};
use crate::InvocationMode;

pub(super) const KEYS: &[&str] =
    &["serviceName", "functionName", "Qualifier", "InvocationType", "DataFormat", "Body"];

pub(super) fn call(target: &TargetConfig) -> Result<Call, TargetError> {
    let arn: FunctionArn = target
        .endpoint
        .parse()
        .map_err(|source| TargetError::BadEndpoint { id: target.id.clone(), source })?;
    let function = match target.constant("functionName")? {
        Some(name) => target.parsed("functionName", &name)?,
        None => arn.function,
    };
    let qualifier = match target.constant("Qualifier")?.filter(|text| !text.is_empty()) {
        Some(text) => target.parsed("Qualifier", &text)?,
        None => arn.qualifier.unwrap_or_else(Qualifier::latest),
    };
    let mode = match target.constant("InvocationType")?.as_deref() {
        Some(text) if text.eq_ignore_ascii_case("sync") => InvocationMode::Sync,
        Some(text) if text.eq_ignore_ascii_case("async") => InvocationMode::Async,
        Some(_) => return Err(target.bad("InvocationType", "must be `Sync` or `Async`")),
        None => InvocationMode::Async,
    };
    let body = target.required("Body")?;
    let body = match target.constant("DataFormat")?.as_deref() {
        None | Some("" | "Object") => body,
        Some("ObjectList") => body.in_a_list(),
        Some(_) => return Err(target.bad("DataFormat", "must be `Object` or `ObjectList`")),
    };
    Ok(Call::Function { function, qualifier, mode, body })
}
