//! What can be chosen.

use std::net::IpAddr;
use std::time::Duration;

use crate::address::Hosts;

/// The settings of the object API.
#[derive(Clone, Debug)]
pub struct ObjectSettings {
    /// The hosts that this server answers to.
    pub hosts: Hosts,
    /// Host and port that listings and bucket information name. `None`: the host of the request.
    pub public_endpoint: Option<String>,
    /// Whether a V4 signature must be made for this server's region. The cloud demands it.
    pub strict_region: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins whose browser scripts may use the API; `*` is all of them. By default there are none.
    pub allowed_origins: Vec<String>,
    /// Unfinished uploads older than this are removed. The cloud keeps them.
    pub upload_age_max: Duration,
}

impl Default for ObjectSettings {
    fn default() -> Self {
        Self {
            hosts: Hosts::default(),
            public_endpoint: None,
            strict_region: false,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            upload_age_max: Duration::from_secs(7 * 24 * 3600),
        }
    }
}
