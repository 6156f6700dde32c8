//! Which bytes of an object a `Range` header asks for.

use std::ops::Range;

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The whole object, as if no range had been asked for.
    Whole,
    /// Some bytes.
    Part(Range<u64>),
    /// Nothing: the range lies outside.
    Unsatisfiable,
}

/// Selects from an object of `size` bytes. Of several ranges, the first counts.
///
/// A range that goes beyond the object gets the whole of it, except in the `standard` behaviour.
/// Source: OSS, "How to obtain OSS resources by segmenting HTTP Range requests".
pub(crate) fn select(header: Option<&str>, standard: bool, size: u64) -> Selection {
    let Some((from, to)) = header.and_then(parse) else { return Selection::Whole };
    let beyond = |part: Range<u64>| if standard { Selection::Part(part) } else { Selection::Whole };
    let outside = || if standard { Selection::Unsatisfiable } else { Selection::Whole };
    match (from, to) {
        (Some(from), Some(to)) if from > to => Selection::Whole,
        (Some(from), _) if from >= size => outside(),
        (Some(from), Some(to)) if to >= size => beyond(from..size),
        (Some(from), Some(to)) => Selection::Part(from..to + 1),
        (Some(from), None) => Selection::Part(from..size),
        (None, Some(0)) => outside(),
        (None, Some(_)) if size == 0 => outside(),
        (None, Some(count)) if count > size => beyond(0..size),
        (None, Some(count)) => Selection::Part(size - count..size),
        (None, None) => Selection::Whole,
    }
}

/// The two numbers of `bytes={from}-{to}`, either of which may be missing.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let first = header.trim().strip_prefix("bytes=")?.split(',').next()?.trim();
    let (from, to) = first.split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    };
    Some((number(from)?, number(to)?))
}

/// The range of `x-oss-copy-source-range`, `None` when it is not one inside an object of `size` bytes: then the whole
/// source is copied. Source: OSS, `UploadPartCopy`.
pub(crate) fn select_copy(header: &str, size: u64) -> Option<Range<u64>> {
    match parse(header)? {
        (Some(from), Some(to)) if from <= to && to < size => Some(from..to + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Selection::{Part, Unsatisfiable, Whole};

    #[test]
    fn ranges_follow_the_table_of_oss() {
        let table = [
            ("bytes=0-499", Part(0..500), Part(0..500)),
            ("bytes=500-", Part(500..1000), Part(500..1000)),
            ("bytes=-500", Part(500..1000), Part(500..1000)),
            ("bytes=999-999", Part(999..1000), Part(999..1000)),
            ("bytes=500-2000", Whole, Part(500..1000)),
            ("bytes=0-1000", Whole, Part(0..1000)),
            ("bytes=1000-2000", Whole, Unsatisfiable),
            ("bytes=1000-", Whole, Unsatisfiable),
            ("bytes=-2000", Whole, Part(0..1000)),
            ("bytes=-0", Whole, Unsatisfiable),
            ("byte=0-1", Whole, Whole),
            ("bytes=5-2", Whole, Whole),
            ("bytes=-", Whole, Whole),
            ("bytes=a-b", Whole, Whole),
            ("bytes=+1-2", Whole, Whole),
            ("bytes=1", Whole, Whole),
            ("", Whole, Whole),
            ("bytes=99999999999999999999-", Whole, Whole),
            ("bytes=0-1,5-6", Part(0..2), Part(0..2)),
        ];
        for (header, default, standard) in table {
            assert_eq!(select(Some(header), false, 1000), default, "{header}");
            assert_eq!(select(Some(header), true, 1000), standard, "{header}");
        }
        assert_eq!(select(None, true, 1000), Whole);
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(select(Some(header), false, 0), Whole, "{header}");
            assert_eq!(select(Some(header), true, 0), Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn a_copied_range_lies_inside_its_source() {
        assert_eq!(select_copy("bytes=0-9", 10), Some(0..10));
        for header in ["bytes=0-10", "bytes=5-", "bytes=-5", "bytes=9-2", "x"] {
            assert_eq!(select_copy(header, 10), None, "{header}");
        }
    }
}
