//! Requests to addresses that users choose: targets, API destinations, authorization endpoints.
//!
//! Whoever may create a rule decides where this server sends requests. So every address is judged after its name was
//! resolved and before a connection is made to that very address: a name that resolves differently the second time
//! gains nothing. Redirects are not followed. Every wait and every size is bounded.

mod client;
mod connect;
mod error;
mod reach;
mod url;

pub use client::{Answer, Outbound, OutboundOptions, OutboundRequest};
pub use error::OutboundError;
pub use reach::{Reach, UnknownReach, Zone, zone_of};
pub use url::{InvalidUrl, TargetUrl};
