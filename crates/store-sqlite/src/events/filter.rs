//! A small filter that tells which terms are certainly not among those that it was made of (a Bloom filter).
//!
//! It is stored, so the hash and the layout belong to the format of the file.

use std::ops::Range;

/// Bits for each term. Together with [`PROBES`], 3 in 1,000 terms that are not in it pass all the same.
const BITS_PER_TERM: usize = 12;
/// Bits looked at for a term.
const PROBES: Range<u64> = 0..8;

/// A thing that a record can be found by, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term(u64);

impl Term {
    pub(super) fn log(number: i64) -> Self {
        Self::new(b'l', &number.to_le_bytes())
    }

    pub(super) fn queue(number: i64) -> Self {
        Self::new(b'q', &number.to_le_bytes())
    }

    pub(super) fn id(text: &str) -> Self {
        Self::new(b'i', text.as_bytes())
    }

    pub(super) fn source(text: &str) -> Self {
        Self::new(b's', text.as_bytes())
    }

    pub(super) fn kind(text: &str) -> Self {
        Self::new(b't', text.as_bytes())
    }

    pub(super) fn subject(text: &str) -> Self {
        Self::new(b'u', text.as_bytes())
    }

    /// Mixes in eight bytes at a time, then spreads the result over all bits (the finisher of SplitMix64).
    fn new(tag: u8, bytes: &[u8]) -> Self {
        let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let mut hash = step(0xcbf2_9ce4_8422_2325, u64::from(tag) << 32 | bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = step(hash, u64::from_le_bytes(*word));
        }
        for byte in rest {
            hash = step(hash, u64::from(*byte));
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }

    /// The bits that stand for the term in a filter of so many bits.
    fn bits(self, count: u64) -> impl Iterator<Item = usize> {
        let (start, stride) = (self.0 & 0xffff_ffff, (self.0 >> 32) | 1);
        PROBES.map(move |probe| ((start + probe * stride) % count) as usize)
    }
}

/// Makes the filter of some terms, which may repeat.
pub(super) fn build(mut terms: Vec<Term>) -> Vec<u8> {
    terms.sort_unstable();
    terms.dedup();
    let mut filter = vec![0_u8; (terms.len() * BITS_PER_TERM).div_ceil(8).max(1)];
    let count = filter.len() as u64 * 8;
    for bit in terms.into_iter().flat_map(|term| term.bits(count)) {
        filter[bit / 8] |= 1 << (bit % 8);
    }
    filter
}

/// Whether a term can be among those of a filter.
pub(super) fn may_hold(filter: &[u8], term: Term) -> bool {
    let count = filter.len() as u64 * 8;
    count > 0 && term.bits(count).all(|bit| filter[bit / 8] & (1 << (bit % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_passes_its_terms_and_few_others() {
        let ids = |range: Range<u32>| range.map(|n| Term::id(&format!("6a{n:06}-order")));
        let filter = build(ids(0..1000).collect());
        assert!(ids(0..1000).all(|term| may_hold(&filter, term)));
        let others = ids(1000..11_000).filter(|&term| may_hold(&filter, term)).count();
        assert!(others < 100, "{others} of 10,000 passed");
    }

    #[test]
    fn the_same_text_in_another_place_is_another_term() {
        let filter = build(vec![Term::source("shop")]);
        assert!(!may_hold(&filter, Term::kind("shop")));
        assert!(!may_hold(&[], Term::source("shop")));
    }

    #[test]
    fn the_hash_is_part_of_the_format() {
        assert_eq!(Term::id("45ef4dewdwe1-7c35-447a-bd93-fab****"), Term(6_983_698_569_415_107_565));
        assert_eq!(build(vec![Term::queue(7)]), [3, 252]);
    }
}
