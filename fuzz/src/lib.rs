//! What the fuzz targets share. The targets themselves are the tests of this package: each runs for a bounded time as
//! an ordinary test, and as long as one likes under a fuzzing engine (`cargo bolero test -p kulkul-fuzz TARGET`).

/// Makes input from random bytes: one of the `seeds`, with pieces of it replaced by some of the `pieces`.
///
/// Nearly all random texts are refused at their first character. Valid ones with a few faults get further in.
pub fn edited(seeds: &[&str], pieces: &[&[u8]], random: &[u8]) -> Vec<u8> {
    let Some((&first, edits)) = random.split_first() else { return Vec::new() };
    let mut text = seeds[usize::from(first) % seeds.len()].as_bytes().to_vec();
    for edit in edits.chunks_exact(4) {
        let [high, low, length, piece] = [edit[0], edit[1], edit[2], edit[3]];
        let start = usize::from(u16::from_be_bytes([high, low])) % (text.len() + 1);
        let end = (start + usize::from(length % 8)).min(text.len());
        let piece = pieces[usize::from(piece) % pieces.len()];
        text.splice(start..end, piece.iter().copied());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_replace_pieces_of_a_seed() {
        let made =
            |random: &[u8]| String::from_utf8(edited(&["abcdef", "x"], &[b"1", b"22"], random)).unwrap();
        assert_eq!(made(&[]), "");
        assert_eq!(made(&[2]), "abcdef");
        assert_eq!(made(&[0, 0, 2, 3, 1]), "ab22f");
        assert_eq!(made(&[1, 0, 1, 7, 0, 0, 0]), "x1");
    }
}
