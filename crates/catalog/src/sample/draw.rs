//! What looks random in a sample, computed from its seed.

/// Draws for one sample: equal seeds, sources and types draw equally.
pub(super) struct Draw {
    base: u64,
}

impl Draw {
    pub(super) fn new(seed: u64, source: &str, event_type: &str) -> Self {
        let base = [&seed.to_le_bytes()[..], source.as_bytes(), b"\n", event_type.as_bytes()];
        Self { base: base.iter().fold(FNV_OFFSET, |hash, part| fnv1a(hash, part)) }
    }

    /// A number that belongs to `label`.
    pub(super) fn number(&self, label: &str) -> u64 {
        finish(fnv1a(self.base, label.as_bytes()))
    }

    /// A UUID of version 4 in lower case that belongs to `label`.
    pub(super) fn uuid(&self, label: &str) -> String {
        let high = self.number(label);
        let low = finish(high ^ self.base);
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads what FNV leaves in the low bits over all of them (the last step of splitmix64).
fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
