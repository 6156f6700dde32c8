//! Where a request came from.

use std::net::IpAddr;

use http::HeaderMap;

/// The address of the client: the peer, or what a trusted proxy says of it.
///
/// `X-Forwarded-For` grows to the right, each proxy adding whom it saw. The rightmost address that is no trusted
/// proxy is the last one that somebody trusted has seen.
pub(crate) fn sender_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> String {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer.to_string();
    }
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> = lines
        .flat_map(|line| line.split(','))
        .map(|hop| hop.trim().parse::<IpAddr>())
        .map_while(Result::ok)
        .collect();
    hops.into_iter().rev().find(|hop| !trusted.contains(hop)).unwrap_or(peer).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.24, 10.0.0.2".parse().unwrap());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = [address("10.0.0.1"), address("10.0.0.2")];
        assert_eq!(sender_of(address("198.51.100.7"), &headers, &trusted), "198.51.100.7");
        assert_eq!(sender_of(address("10.0.0.1"), &headers, &trusted), "203.0.113.24");
        assert_eq!(sender_of(address("10.0.0.1"), &HeaderMap::new(), &trusted), "10.0.0.1");
        assert_eq!(sender_of(address("::ffff:198.51.100.7"), &headers, &[]), "198.51.100.7");
    }
}
