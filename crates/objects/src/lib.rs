//! OSS-compatible buckets, whose changes are `acs.oss` events.
//!
//! [`ObjectApi::handle`] answers requests of the official OSS clients: addresses of every style, signatures V1, V2
//! and V4, all operations on buckets, objects, uploads and forms. Each change is one commit with the event that tells
//! of it, so neither is ever there without the other; see [`kulkul_store::objects`] for what a crash can leave.
//!
//! Bytes stream both ways: an object's size has no bearing on the memory that moving it takes.
//!
//! Roles: every key may read and list; `publish` and `admin` may also write objects; only `admin` creates and deletes
//! buckets. Nothing is public.

mod address;
mod api;
mod attributes;
mod body;
mod buckets;
mod change;
mod conditions;
mod encode;
mod error;
mod event;
mod form;
mod names;
mod ops;
mod query;
mod range;
mod reply;
mod route;
mod sender;
mod settings;
mod signature;
mod source;
mod tags;
mod time;
mod view;
mod xml;

pub use address::Hosts;
pub use api::{ObjectApi, ObjectParts};
pub use buckets::{Buckets, ObjectContent, ReadError};
pub use reply::ReplyBody;
pub use settings::ObjectSettings;
