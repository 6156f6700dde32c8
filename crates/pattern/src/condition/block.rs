//! The operator `cidr`: blocks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses of one family, its first and last address included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

impl Block {
    /// Reads `10.0.0.0/24` or `2001:db8::/32`, where host bits may be set, or a bare address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(prefix_length(bits)?)),
            None => (text, None),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let host_bits = 32_u32.checked_sub(bits.unwrap_or(32))?;
                let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
                Some(Block::V4 { network: address.to_bits() & mask, mask })
            }
            IpAddr::V6(address) => {
                let host_bits = 128_u32.checked_sub(bits.unwrap_or(128))?;
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                Some(Block::V6 { network: address.to_bits() & mask, mask })
            }
        }
    }

    /// Says whether `text` is an address inside the block.
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        match *self {
            Block::V4 { network, mask } => {
                text.parse::<Ipv4Addr>().is_ok_and(|address| address.to_bits() & mask == network)
            }
            Block::V6 { network, mask } => {
                text.parse::<Ipv6Addr>().is_ok_and(|address| address.to_bits() & mask == network)
            }
        }
    }
}

fn prefix_length(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 3 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_their_addresses_from_first_to_last() {
        let table = [
            ("10.0.0.7/24", "10.0.0.0", true),
            ("10.0.0.0/24", "10.0.0.255", true),
            ("10.0.0.0/24", "10.0.1.0", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", false),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:DB8:0::1", true),
            ("10.0.0.0/24", "10.0.0.1 ", false),
            ("10.0.0.0/24", "10.0.0.01", false),
        ];
        for (block, address, inside) in table {
            assert_eq!(
                Block::parse(block).unwrap().contains(address.as_bytes()),
                inside,
                "{address} in {block}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_blocks() {
        for text in
            ["", "10.0.0/24", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "10.0.0.0/8/8", "a.b.c.d"]
        {
            assert_eq!(Block::parse(text), None, "{text}");
        }
    }
}
