//! `http` and `https`: a signed POST to an address.
//!
//! Source: EventBridge 2020-04-01, target parameters of `http` and `https`. The network and its parts are accepted and
//! have no meaning: this server has one. Other types of targets have other names for these parts, which are taken too.

use super::{Call, TargetConfig, TargetError};

pub(super) const KEYS: &[&str] = &[
    "url",
    "Body",
    "Token",
    "Network",
    "VPCNameAndId",
    "VSwitchesNameAndId",
    "SecurityGroupNameAndId",
    "VpcId",
    "VSwitchIds",
    "SecurityGroupId",
];

/// The longest token: it travels in a header.
const TOKEN_BYTES_MAX: usize = 1024;

pub(super) fn call(target: &TargetConfig) -> Result<Call, TargetError> {
    let written = target.constant("url")?.filter(|text| !text.is_empty());
    let url = target.url("url", written.as_deref().unwrap_or(&target.endpoint))?;
    if target.kind == "https" && !url.is_https() {
        return Err(target.bad("url", "must start with `https://`"));
    }
    match target.constant("Network")?.as_deref() {
        None | Some("PublicNetwork" | "PrivateNetwork" | "") => {}
        Some(_) => return Err(target.bad("Network", "must be `PublicNetwork` or `PrivateNetwork`")),
    }
    let token = target.constant("Token")?.filter(|token| !token.is_empty());
    let fits =
        |token: &String| token.len() <= TOKEN_BYTES_MAX && token.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !token.as_ref().is_none_or(fits) {
        return Err(target.bad("Token", "must be at most 1024 printable ASCII characters"));
    }
    Ok(Call::Push { url, token, body: target.required("Body")? })
}
