//! Addresses that users choose.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

use crate::{Zone, zone_of};

/// The longest address.
const BYTES_MAX: usize = 4096;

/// An http or https address, kept as it was written: signatures are made over that text.
///
/// It has neither user information nor a fragment, and when its host is a number, it is one in the usual notation:
/// others, such as `0x7f.1`, only serve to hide where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl {
    text: String,
    uri: Uri,
}

/// A text that is no [`TargetUrl`]. The message is a predicate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https address without user name, password and fragment: it {0}")]
pub struct InvalidUrl(&'static str);

impl FromStr for TargetUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > BYTES_MAX {
            return Err(InvalidUrl("is longer than 4096 bytes"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidUrl("contains blanks or characters beyond ASCII"));
        }
        if text.contains('#') {
            return Err(InvalidUrl("has a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| InvalidUrl("is none"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(InvalidUrl("does not start with `http://` or `https://`"));
        }
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err(InvalidUrl("has a user name"));
        }
        let host = host_of(&uri);
        if host.is_empty() {
            return Err(InvalidUrl("has no host"));
        }
        // A name may end with the dot of the root.
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let number = (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
            || last.starts_with("0x")
            || last.starts_with("0X");
        if number && host.parse::<IpAddr>().is_err() {
            return Err(InvalidUrl("has a number as its host that is no IP address in the usual notation"));
        }
        let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
        if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            return Err(InvalidUrl("has a port that is none"));
        }
        Ok(Self { text: text.to_owned(), uri })
    }
}

impl TargetUrl {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        host_of(&self.uri)
    }

    /// Whether its scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Where it leads as far as the text tells: an IP address, or a name of this machine. `None` for other names.
    pub fn literal_zone(&self) -> Option<Zone> {
        let host = self.host();
        if host.contains('%') {
            // `fe80::1%25eth0`: only link-local addresses have such a zone, which says on which network they are.
            return Some(Zone::Forbidden);
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(zone_of(address));
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        (host == "localhost" || host.ends_with(".localhost")).then_some(Zone::Loopback)
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn host_of(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_of_a_target_is_refused() {
        let long = format!("http://h/{}", "x".repeat(BYTES_MAX));
        let table = [
            ("ftp://h/", "does not start with"),
            ("/path", "does not start with"),
            ("http://", "is none"),
            ("h:80", "does not start with"),
            ("http://user:pass@h/", "has a user name"),
            ("http://user@h/", "has a user name"),
            ("http://h/#top", "has a fragment"),
            ("http://h/a b", "contains blanks"),
            ("http://münchen.test/", "beyond ASCII"),
            ("http://2130706433/", "has a number as its host"),
            ("http://0x7f.1/", "has a number as its host"),
            ("http://127.1/", "has a number as its host"),
            ("http://127.0.0.1./", "has a number as its host"),
            ("http://h:0/", "has a port that is none"),
            ("http://h:x/", "is none"),
            (long.as_str(), "is longer than 4096 bytes"),
        ];
        for (text, reason) in table {
            let error = text.parse::<TargetUrl>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_says_where_it_leads_as_far_as_it_can() {
        let table = [
            ("http://127.0.0.1:8080/x?y=z", "127.0.0.1", Some(Zone::Loopback)),
            ("https://[::1]/", "::1", Some(Zone::Loopback)),
            ("https://[fd00::1]:8443/", "fd00::1", Some(Zone::Private)),
            ("http://169.254.169.254/latest", "169.254.169.254", Some(Zone::Forbidden)),
            ("http://[fe80::1%25lo]/", "fe80::1%25lo", Some(Zone::Forbidden)),
            ("http://[::1%lo]:80/", "::1%lo", Some(Zone::Forbidden)),
            ("http://LocalHost.:80", "LocalHost.", Some(Zone::Loopback)),
            ("http://x.localhost", "x.localhost", Some(Zone::Loopback)),
            ("https://93.184.216.34", "93.184.216.34", Some(Zone::Public)),
            ("https://hooks.example.com/in?a=1", "hooks.example.com", None),
        ];
        for (text, host, zone) in table {
            let url: TargetUrl = text.parse().unwrap();
            assert_eq!((url.as_str(), url.host(), url.literal_zone()), (text, host, zone));
        }
    }
}
