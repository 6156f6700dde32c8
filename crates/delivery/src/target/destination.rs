//! `acs.api.destination`: somebody else's API, with the credentials of a connection.
//!
//! Source: EventBridge 2020-04-01, target parameters of `acs.api.destination`. The documents have templates only; third
//! parties send whole events as the body, so every form is taken for each part.

use kulkul_model::{ApiDestinationArn, ApiDestinationName};

use super::{Call, TargetConfig, TargetError};

pub(super) const KEYS: &[&str] = &["Name", "HeaderParameters", "QueryStringParameters", "BodyParameters"];

pub(super) fn call(target: &TargetConfig) -> Result<Call, TargetError> {
    let arn: ApiDestinationArn = target
        .endpoint
        .parse()
        .map_err(|source| TargetError::BadEndpoint { id: target.id.clone(), source })?;
    let named: Option<ApiDestinationName> = match target.constant("Name")?.filter(|name| !name.is_empty()) {
        Some(name) => Some(target.parsed("Name", &name)?),
        None => None,
    };
    if named.is_some_and(|named| named != arn.destination) {
        return Err(target.bad("Name", "differs from the API destination of the endpoint"));
    }
    Ok(Call::Destination {
        destination: arn.destination,
        headers: target.optional("HeaderParameters")?,
        query: target.optional("QueryStringParameters")?,
        body: target.optional("BodyParameters")?,
    })
}
