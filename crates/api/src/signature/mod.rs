//! Who sent a request, and whether it arrived as it was sent.
//!
//! Each module here knows one kind of signature: what is signed, and in which form it comes. They take a request
//! apart and compute; whether the key may do what it asks is decided by whoever knows the operation.

mod acs3;
mod basic;
mod classic;
mod data_plane;
mod date;
mod fc_legacy;
mod mns;
mod nonce;
mod refusal;

pub(crate) use acs3::Acs3;
pub(crate) use basic::Basic;
pub(crate) use classic::Classic;
pub(crate) use data_plane::DataPlane;
pub(crate) use date::{check_skew, parse_http_date, parse_iso_date};
pub(crate) use fc_legacy::FcLegacy;
pub(crate) use mns::Mns;
pub(crate) use nonce::NonceCache;
pub(crate) use refusal::Refusal;

use http::HeaderMap;

/// The parts of a request that signatures are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    /// The method, upper case.
    pub(crate) method: &'a str,
    /// The path exactly as received.
    pub(crate) path: &'a str,
    /// The query exactly as received, without `?`; empty when there is none.
    pub(crate) query: &'a str,
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
}

impl<'a> Signed<'a> {
    /// A header's value as text; `None` when it is missing or not ASCII text.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}
