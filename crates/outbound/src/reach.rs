//! Which addresses requests may go to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// The Internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// Nowhere that a target can be: link-local (where clouds keep their metadata services), multicast, broadcast,
    /// unspecified, reserved, documentation.
    Forbidden,
}

/// The zones that requests may go to. [`Zone::Forbidden`] is never among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The Internet.
    pub public: bool,
    /// This machine.
    pub loopback: bool,
    /// Private networks.
    pub private: bool,
}

/// A text that is not a list of zones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of `public`, `loopback`, `private`")]
pub struct UnknownReach(String);

impl Reach {
    /// The Internet only.
    pub const PUBLIC: Reach = Reach { public: true, loopback: false, private: false };

    /// Whether an address may be connected to.
    pub fn allows(self, address: IpAddr) -> bool {
        self.includes(zone_of(address))
    }

    /// Whether the addresses of a zone may be connected to.
    pub fn includes(self, zone: Zone) -> bool {
        match zone {
            Zone::Public => self.public,
            Zone::Loopback => self.loopback,
            Zone::Private => self.private,
            Zone::Forbidden => false,
        }
    }
}

impl FromStr for Reach {
    type Err = UnknownReach;

    /// Reads a list such as `public,loopback`.
    fn from_str(text: &str) -> Result<Self, UnknownReach> {
        let mut reach = Reach { public: false, loopback: false, private: false };
        for zone in text.split(',').map(str::trim).filter(|zone| !zone.is_empty()) {
            match zone {
                "public" => reach.public = true,
                "loopback" => reach.loopback = true,
                "private" => reach.private = true,
                other => return Err(UnknownReach(other.to_owned())),
            }
        }
        Ok(reach)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zones = [(self.public, "public"), (self.loopback, "loopback"), (self.private, "private")];
        let named: Vec<&str> = zones.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
        f.write_str(&named.join(","))
    }
}

/// Where an address lies. An IPv6 address that carries an IPv4 address lies where that one does.
pub fn zone_of(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(v4) => zone_of_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => zone_of_v4(v4),
            None => zone_of_v6(v6),
        },
    }
}

/// Source: the IANA registry of special-purpose IPv4 addresses.
fn zone_of_v4(address: Ipv4Addr) -> Zone {
    match address.octets() {
        [127, ..] => Zone::Loopback,
        [10, ..] | [192, 168, ..] => Zone::Private,
        [172, second, ..] if (16..32).contains(&second) => Zone::Private,
        // Shared by carriers; used as a private network by clouds.
        [100, second, ..] if (64..128).contains(&second) => Zone::Private,
        [0, ..] | [169, 254, ..] => Zone::Forbidden,
        [192, 0, 0, _] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Zone::Forbidden,
        [198, 18 | 19, ..] => Zone::Forbidden,
        [first, ..] if first >= 224 => Zone::Forbidden,
        _ => Zone::Public,
    }
}

/// Source: the IANA registry of special-purpose IPv6 addresses. Only global unicast (`2000::/3`) is public.
fn zone_of_v6(address: Ipv6Addr) -> Zone {
    let first = address.segments()[0];
    match first {
        _ if address.is_loopback() => Zone::Loopback,
        _ if first & 0xfe00 == 0xfc00 => Zone::Private,
        0x2001 if address.segments()[1] == 0xdb8 => Zone::Forbidden,
        _ if first & 0xe000 == 0x2000 => Zone::Public,
        _ => Zone::Forbidden,
    }
}

/// The IPv4 address within a mapped (`::ffff:0:0/96`), translated (`64:ff9b::/96`) or 6to4 (`2002::/16`) address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_inner_address_is_seen_through() {
        let table = [
            ("93.184.216.34", Zone::Public),
            ("127.0.0.1", Zone::Loopback),
            ("127.9.9.9", Zone::Loopback),
            ("0.0.0.0", Zone::Forbidden),
            ("10.1.2.3", Zone::Private),
            ("172.15.0.1", Zone::Public),
            ("172.31.0.1", Zone::Private),
            ("192.168.1.1", Zone::Private),
            ("100.100.100.200", Zone::Private),
            ("169.254.169.254", Zone::Forbidden),
            ("224.0.0.1", Zone::Forbidden),
            ("255.255.255.255", Zone::Forbidden),
            ("::1", Zone::Loopback),
            ("::", Zone::Forbidden),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("::ffff:169.254.169.254", Zone::Forbidden),
            ("64:ff9b::10.0.0.1", Zone::Private),
            ("2002:7f00:1::", Zone::Loopback),
            ("fe80::1", Zone::Forbidden),
            ("fd00::1", Zone::Private),
            ("2001:db8::1", Zone::Forbidden),
            ("2606:4700::1111", Zone::Public),
        ];
        for (address, zone) in table {
            assert_eq!(zone_of(address.parse().unwrap()), zone, "{address}");
        }
    }

    #[test]
    fn a_reach_is_a_list_of_zones() {
        let reach: Reach = "public, loopback".parse().unwrap();
        assert_eq!(reach, Reach { public: true, loopback: true, private: false });
        assert_eq!(reach.to_string(), "public,loopback");
        assert_eq!("any".parse::<Reach>(), Err(UnknownReach("any".into())));
        assert!(
            !Reach { public: true, loopback: true, private: true }.allows("169.254.169.254".parse().unwrap())
        );
    }
}
