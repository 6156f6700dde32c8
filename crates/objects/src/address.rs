//! From the raw target and the host to bucket and key.
//!
//! The target is never normalised: `a//b`, `.` and `..` are keys like any other. Clients whose HTTP library collapses
//! such paths after signing get a signature error, not a write to the wrong place.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::encode::{Plus, decode};

/// The hosts that this server answers to.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Names under which buckets are addressed as `{bucket}.{name}`. Lower-case.
    pub service_names: Vec<String>,
    /// Hosts that stand for one bucket each. Lower-case.
    pub custom_domains: HashMap<String, String>,
}

impl Default for Hosts {
    /// `localhost`, and no custom domain.
    fn default() -> Self {
        Self { service_names: vec!["localhost".to_owned()], custom_domains: HashMap::new() }
    }
}

/// What a request names, decoded and not yet checked. Without a bucket: the service itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The bucket.
    pub(crate) bucket: Option<Vec<u8>>,
    /// The key; never empty.
    pub(crate) key: Option<Vec<u8>>,
}

/// The readings of a request. Most have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readings {
    /// The one to try first.
    pub(crate) first: Resource,
    /// The one that counts when the signature fits it and not the first.
    pub(crate) second: Option<Resource>,
}

/// The readings of a host (as received, with or without a port) and the raw path (with its leading `/`).
pub(crate) fn resolve(host: &str, raw_path: &str, hosts: &Hosts) -> Readings {
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    let host = without_port(host).to_ascii_lowercase();
    let one = |first| Readings { first, second: None };
    if is_address(&host) || hosts.service_names.contains(&host) {
        return one(by_path(path));
    }
    if let Some(bucket) = hosts.custom_domains.get(&host) {
        return one(by_host(Some(bucket), path));
    }
    let under_service = |name: &String| host.strip_suffix(name.as_str())?.strip_suffix('.');
    if let Some(bucket) = hosts.service_names.iter().find_map(under_service) {
        return one(by_host(Some(bucket), path));
    }
    match cloud_bucket(&host) {
        Some(None) => one(by_host(None, path)),
        Some(Some(bucket)) => {
            let by_path = by_path(path);
            let twice = by_path.bucket.as_deref() == Some(bucket.as_bytes());
            Readings { first: by_host(Some(bucket), path), second: twice.then_some(by_path) }
        }
        None => one(by_path(path)),
    }
}

/// The bucket of a host of the cloud, which ali-oss sends when its endpoint is an address: `Some(None)` when the host
/// names the service, `None` when it is no such host.
fn cloud_bucket(host: &str) -> Option<Option<&str>> {
    let labels = host.strip_suffix(".aliyuncs.com")?;
    match labels.split_once('.') {
        None => Some(None),
        Some((_, region)) if region.contains('.') => None,
        // What ali-oss writes when it is asked for the list of buckets.
        Some(("" | "undefined" | "null", _)) => Some(None),
        Some((bucket, _)) => Some(Some(bucket)),
    }
}

fn by_path(path: &str) -> Resource {
    match path.split_once('/') {
        None => Resource { bucket: decoded(path), key: None },
        Some((bucket, key)) => {
            Resource { bucket: Some(decode(bucket.as_bytes(), Plus::Plus)), key: decoded(key) }
        }
    }
}

fn by_host(bucket: Option<&str>, path: &str) -> Resource {
    Resource { bucket: bucket.map(|name| name.as_bytes().to_vec()), key: decoded(path) }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| decode(text.as_bytes(), Plus::Plus))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(resource: &Resource) -> (Option<&str>, Option<&str>) {
        let utf8 =
            |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| std::str::from_utf8(b).unwrap().to_owned());
        let leak = |text: Option<String>| text.map(|t| &*t.leak());
        (leak(utf8(&resource.bucket)), leak(utf8(&resource.key)))
    }

    fn hosts() -> Hosts {
        let mut hosts = Hosts::default();
        hosts.service_names.push("oss.kulkul.test".to_owned());
        hosts.custom_domains.insert("img.example.org".to_owned(), "photos".to_owned());
        hosts
    }

    #[test]
    fn every_style_names_the_same_bucket_and_key() {
        let table = [
            ("127.0.0.1:7501", "/bkt/a%20b%2Fc", (Some("bkt"), Some("a b/c"))),
            ("127.0.0.1", "/bkt/a%20b/c", (Some("bkt"), Some("a b/c"))),
            ("[::1]:7501", "/bkt/k", (Some("bkt"), Some("k"))),
            ("localhost:7501", "/bkt/k", (Some("bkt"), Some("k"))),
            ("bkt.localhost:7501", "/a/b", (Some("bkt"), Some("a/b"))),
            ("BKT.OSS.kulkul.test", "/k", (Some("bkt"), Some("k"))),
            ("img.example.org", "/a/b", (Some("photos"), Some("a/b"))),
            ("bkt.oss-cn-hangzhou.aliyuncs.com", "/a", (Some("bkt"), Some("a"))),
            ("bkt.cn-x.aliyuncs.com", "/a", (Some("bkt"), Some("a"))),
            (".oss-cn-hangzhou.aliyuncs.com", "/", (None, None)),
            ("undefined.oss-cn-hangzhou.aliyuncs.com", "/", (None, None)),
            ("oss-cn-hangzhou.aliyuncs.com", "/", (None, None)),
            ("unknown.example", "/bkt/k", (Some("bkt"), Some("k"))),
            ("", "/bkt/k", (Some("bkt"), Some("k"))),
            ("127.0.0.1", "/", (None, None)),
            ("127.0.0.1", "/bkt", (Some("bkt"), None)),
            ("127.0.0.1", "/bkt/", (Some("bkt"), None)),
            ("127.0.0.1", "/bkt//k", (Some("bkt"), Some("/k"))),
            ("127.0.0.1", "/bkt/x/../y/./a//b", (Some("bkt"), Some("x/../y/./a//b"))),
            ("127.0.0.1", "/bkt/a+b%2Bc", (Some("bkt"), Some("a+b+c"))),
            ("bkt.localhost", "/", (Some("bkt"), None)),
        ];
        for (host, path, expected) in table {
            let readings = resolve(host, path, &hosts());
            assert_eq!(text(&readings.first), expected, "{host} {path}");
            assert_eq!(readings.second, None, "{host} {path}");
        }
    }

    #[test]
    fn a_bucket_in_host_and_path_has_two_readings() {
        let readings = resolve("bkt.oss-cn-hangzhou.aliyuncs.com", "/bkt/a%20b", &hosts());
        assert_eq!(text(&readings.first), (Some("bkt"), Some("bkt/a b")));
        assert_eq!(text(&readings.second.unwrap()), (Some("bkt"), Some("a b")));
        let readings = resolve("bkt.oss-cn-hangzhou.aliyuncs.com", "/other/k", &hosts());
        assert_eq!(readings.second, None);
    }
}
