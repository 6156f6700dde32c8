//! API destinations on the wire.

use std::num::NonZeroU32;

use http::Method;
use kulkul_connection::ApiDestination;
use kulkul_model::{ApiDestinationName, ConnectionName, InvalidName};
use kulkul_outbound::TargetUrl;
use serde::{Deserialize, Serialize};

use super::connection::method;
use super::error::RpcError;
use super::params::Params;

/// Source: EventBridge 2020-04-01, `CreateApiDestination.HttpApiParameters`; the rate is an extension.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct HttpApiParameters {
    endpoint: Option<String>,
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_rate_limit_per_second: Option<u32>,
}

/// What `HttpApiParameters` say.
pub(super) struct HttpApi {
    pub(super) endpoint: TargetUrl,
    pub(super) method: Method,
    pub(super) rate_max: Option<NonZeroU32>,
}

/// An API destination as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DestinationOutput {
    api_destination_name: String,
    connection_name: String,
    description: String,
    gmt_create: i64,
    http_api_parameters: HttpApiParameters,
}

/// `ApiDestinationName`.
pub(super) fn name(params: &Params<'_>) -> Result<ApiDestinationName, RpcError> {
    params
        .require("ApiDestinationName")?
        .parse()
        .map_err(|error: InvalidName| RpcError::business("ApiDestinationNameInvalid", error.to_string()))
}

/// `ConnectionName`, when it is given.
pub(super) fn connection(params: &Params<'_>) -> Result<Option<ConnectionName>, RpcError> {
    match params.get("ConnectionName").filter(|name| !name.is_empty()) {
        Some(_) => super::connection::name(params).map(Some),
        None => Ok(None),
    }
}

/// `HttpApiParameters`, when they are given.
pub(super) fn http_api(params: &Params<'_>) -> Result<Option<HttpApi>, RpcError> {
    let Some(given) = params.structured::<HttpApiParameters>("HttpApiParameters")? else { return Ok(None) };
    let bad = |message: String| RpcError::business("ApiDestinationParametersInvalid", message);
    let endpoint = given.endpoint.unwrap_or_default();
    Ok(Some(HttpApi {
        endpoint: endpoint.parse().map_err(|error| bad(format!("Endpoint {error}")))?,
        method: method(given.method.as_deref()).map_err(bad)?,
        rate_max: match given.invocation_rate_limit_per_second {
            None => None,
            Some(rate) => Some(
                NonZeroU32::new(rate)
                    .ok_or_else(|| bad("InvocationRateLimitPerSecond must be at least 1".to_owned()))?,
            ),
        },
    }))
}

impl DestinationOutput {
    pub(super) fn of(destination: &ApiDestination) -> Self {
        let settings = &destination.settings;
        Self {
            api_destination_name: settings.name.as_str().to_owned(),
            connection_name: settings.connection.as_str().to_owned(),
            description: settings.description.clone(),
            gmt_create: destination.created_at.as_millis(),
            http_api_parameters: HttpApiParameters {
                endpoint: Some(settings.endpoint.as_str().to_owned()),
                method: Some(settings.method.as_str().to_owned()),
                invocation_rate_limit_per_second: settings.rate_max.map(NonZeroU32::get),
            },
        }
    }
}
