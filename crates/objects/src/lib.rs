//! OSS-compatible buckets, whose changes are `acs.oss` events.

#![allow(dead_code)]
mod address;
mod encode;
mod error;
mod names;
mod query;
mod signature;
mod time;
mod xml;
