//! The nouns of Kulkul: events, names, ids, ARNs, runtimes, the account and the region.
//!
//! Everything here is a plain value: no clock, no disk, no network. A value whose type is one of these has been
//! checked; code that receives it does not check it again.

mod arn;
pub mod crc64;
mod event;
mod identity;
mod ids;
mod json;
mod names;
mod nearest;
mod runtime;
mod timestamp;
pub mod units;

pub use arn::{
    ApiDestinationArn, EventBusArn, FunctionArn, MessageQueueArn, bucket_arn, bus_arn, function_arn,
    rule_arn, source_arn, system_source_arn,
};
pub use event::{Draft, Enrichment, Event, EventError, EventLimits, VIA};
pub use identity::{AccountId, Identity, Region};
pub use ids::{InvocationId, RequestId, TraceId};
pub use json::{UnreadableJson, compact};
pub use names::{
    ApiDestinationName, BusName, ConnectionName, FunctionName, InvalidName, MessageQueueName, Qualifier,
    RuleName, TargetId, TriggerName,
};
pub use nearest::nearest;
pub use runtime::{CustomBase, NotOffered, OFFERED_RUNTIMES, Runtime, UnknownRuntime};
pub use timestamp::Timestamp;
