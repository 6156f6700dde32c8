//! ListPartnerEventSources, of the data plane.

use serde::Serialize;

use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    event_sources: [(); 0],
}

/// Nobody sells events here.
pub(super) fn run() -> Success {
    Success::of(&Listed { event_sources: [] })
}
