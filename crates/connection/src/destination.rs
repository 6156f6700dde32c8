//! API destinations: somebody else's API, by name.

use std::num::NonZeroU32;

use http::Method;
use kulkul_model::{ApiDestinationName, ConnectionName, Timestamp};
use kulkul_outbound::{Reach, TargetUrl};

use crate::connection::check_description;
use crate::error::ConnectionError;

/// Source: EventBridge 2020-04-01, `CreateApiDestination`, `HttpApiParameters.Endpoint`.
const ENDPOINT_CHARS_MAX: usize = 127;
/// The highest rate that can be asked for.
const RATE_MAX: u32 = 10_000;

/// An API destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiDestination {
    /// What it is.
    pub settings: NewApiDestination,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An API destination to create, or what an existing one is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiDestination {
    /// Its name.
    pub name: ApiDestinationName,
    /// The connection whose credentials it uses.
    pub connection: ConnectionName,
    /// What its owner says of it.
    pub description: String,
    /// Where requests go.
    pub endpoint: TargetUrl,
    /// Their method.
    pub method: Method,
    /// How many requests a second it takes at most; any number when absent. An extension.
    pub rate_max: Option<NonZeroU32>,
}

impl NewApiDestination {
    /// Checks it. `reach` is where requests may go.
    pub(crate) fn check(&self, reach: Reach) -> Result<(), ConnectionError> {
        check_description(&self.description)?;
        let bad = |problem| ConnectionError::BadDestination { problem };
        if self.endpoint.as_str().len() > ENDPOINT_CHARS_MAX {
            return Err(bad(format!("Endpoint is longer than {ENDPOINT_CHARS_MAX} characters")));
        }
        if self.rate_max.is_some_and(|rate| rate.get() > RATE_MAX) {
            return Err(bad(format!("InvocationRateLimitPerSecond must be from 1 to {RATE_MAX}")));
        }
        check_reach(&self.endpoint, reach).map_err(bad)
    }
}

/// Refuses an address that is written out and out of reach. What a name resolves to is judged at each attempt.
pub(crate) fn check_reach(url: &TargetUrl, reach: Reach) -> Result<(), String> {
    match url.literal_zone().is_none_or(|zone| reach.includes(zone)) {
        true => Ok(()),
        false => Err(format!(
            "requests to {} are not allowed; `allow_targets` (KULKUL_ALLOW_TARGETS) decides",
            url.host()
        )),
    }
}
