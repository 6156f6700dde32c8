//! `acs.eventbridge`: another bus of this server.
//!
//! Source: EventBridge 2020-04-01, target parameters of `acs.eventbridge`. There is one region and one account here, so
//! those parameters have no meaning, and another account does not exist.

use kulkul_model::{BusName, EventBusArn};

use super::{Call, ParamForm, TargetConfig, TargetError};

pub(super) const KEYS: &[&str] =
    &["RegionId", "AccountType", "AccountId", "EventBusName", "RAMRoleName", "Body"];

pub(super) fn call(target: &TargetConfig) -> Result<Call, TargetError> {
    let arn: EventBusArn = target
        .endpoint
        .parse()
        .map_err(|source| TargetError::BadEndpoint { id: target.id.clone(), source })?;
    let named: Option<BusName> = match target.constant("EventBusName")?.filter(|name| !name.is_empty()) {
        Some(name) => Some(target.parsed("EventBusName", &name)?),
        None => None,
    };
    if named.is_some_and(|named| named != arn.bus) {
        return Err(target.bad("EventBusName", "differs from the bus of the endpoint"));
    }
    match target.constant("AccountType")?.as_deref() {
        None | Some("SameAccount" | "") => {}
        Some(_) => {
            return Err(target.bad("AccountType", "must be `SameAccount`: this server has one account"));
        }
    }
    match target.param("Body").map(|body| body.form) {
        Some(ParamForm::Original) => Ok(Call::Bus { bus: arn.bus }),
        Some(_) => Err(target.bad("Body", "must have the form ORIGINAL")),
        None => Err(TargetError::MissingParam { id: target.id.clone(), key: "Body" }),
    }
}
