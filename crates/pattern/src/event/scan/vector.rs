//! Finds bytes eight at a time, with ordinary arithmetic.

use super::Masks;

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// Which of the 16 bytes are `"` or `\`.
pub(super) fn quotes_and_backslashes(chunk: &[u8; 16]) -> u32 {
    let mut mask = 0;
    for (index, word) in words(chunk).enumerate() {
        mask |= u32::from(equal(word, b'"') | equal(word, b'\\')) << (8 * index);
    }
    mask
}

/// Which of the 64 bytes are of which kind.
pub(super) fn masks(block: &[u8; 64]) -> Masks {
    let mut masks = Masks { quote: 0, backslash: 0, open: 0, close: 0 };
    for (index, word) in words(block).enumerate() {
        let shift = 8 * index;
        masks.quote |= u64::from(equal(word, b'"')) << shift;
        masks.backslash |= u64::from(equal(word, b'\\')) << shift;
        masks.open |= u64::from(equal(word, b'{') | equal(word, b'[')) << shift;
        masks.close |= u64::from(equal(word, b'}') | equal(word, b']')) << shift;
    }
    masks
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk))
}

/// A bit for each byte of `word` that equals `byte`.
fn equal(word: u64, byte: u8) -> u8 {
    let difference = word ^ u64::from_ne_bytes([byte; 8]);
    // The high bit of a byte stays clear exactly if the byte is zero.
    let differs = ((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS;
    // Gathers the high bits in the highest byte.
    ((!differs >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}
