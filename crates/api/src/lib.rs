//! The wire: what official clients say and hear.
//!
//! One listener carries several protocols, told apart by path and headers: Function Compute 2023-03-30 (REST),
//! EventBridge 2020-04-01 (RPC and data plane), Simple Message Queue 2015-06-06, links to function code, and health. Every module here takes a request
//! apart, asks the crates below, and puts the answer together; nothing is decided here that another way in would
//! have to decide again. Wire structs stay in here, and every wire code is in one function of its API.
//!
//! Order of checks: the head's size, the route, the signature, the role of the key, and only then the content. A
//! signature is checked before the body is read wherever it can be, so that strangers cannot fill the memory.

mod answer;
mod api;
mod cloud_events;
mod fields;
mod gate;
mod operator;
mod percent;
mod query;
mod receive;
mod signature;
mod unsigned;

mod eventbridge;
mod fc;
mod native;
mod queue;
mod queue_control;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod testing;

pub use answer::Answer;
pub use api::{Api, ApiOptions, ApiParts, BusinessErrors};
pub use native::explanation_json;
pub use receive::ReceiveOptions;
