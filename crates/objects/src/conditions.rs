//! Conditional requests.

use http::HeaderMap;
use kulkul_model::Timestamp;

use crate::time::parse_either;

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They hold, or there are none.
    Holds,
    /// The client has the object already: 304.
    NotModified,
    /// One does not hold: 412. The text is its name.
    Failed(&'static str),
}

/// The names of the four conditions on an object that is read.
pub(crate) const ON_OBJECT: [&str; 4] =
    ["if-match", "if-unmodified-since", "if-none-match", "if-modified-since"];

/// The names of the four conditions on the source of a copy.
pub(crate) const ON_SOURCE: [&str; 4] = [
    "x-oss-copy-source-if-match",
    "x-oss-copy-source-if-unmodified-since",
    "x-oss-copy-source-if-none-match",
    "x-oss-copy-source-if-modified-since",
];

/// Judges an object by conditions under the given names, in their order. A date that cannot be read is as if absent.
///
/// Source: OSS, `GetObject`; the order is inferred.
pub(crate) fn judge(
    headers: &HeaderMap,
    [matches, unmodified, none_match, modified]: [&'static str; 4],
    etag: &str,
    modified_at: Timestamp,
) -> Verdict {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let date = |name| text(name).and_then(parse_either).map(Timestamp::as_secs);
    if text(matches).is_some_and(|list| !names(list, etag)) {
        return Verdict::Failed(matches);
    }
    if date(unmodified).is_some_and(|limit| limit < modified_at.as_secs()) {
        return Verdict::Failed(unmodified);
    }
    if text(none_match).is_some_and(|list| names(list, etag)) {
        return Verdict::NotModified;
    }
    if date(modified).is_some_and(|limit| limit >= modified_at.as_secs()) {
        return Verdict::NotModified;
    }
    Verdict::Holds
}

/// Whether a list of tags names one, or anything at all by `*`.
fn names(list: &str, etag: &str) -> bool {
    list.trim() == "*" || list.split(',').any(|one| is_same_tag(one, etag))
}

/// Compares entity tags without their quotes, ignoring case: clients strip the quotes or keep them.
pub(crate) fn is_same_tag(one: &str, other: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_matches('"').to_ascii_uppercase();
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Failed, Holds, NotModified};
    use http::{HeaderName, HeaderValue};

    #[test]
    fn conditions_are_judged_in_order() {
        let early = "Sun, 22 Nov 2026 08:49:33 GMT";
        let same = "Sun, 22 Nov 2026 08:49:34 GMT";
        let table: [(&[(&str, &str)], Verdict); 15] = [
            (&[], Holds),
            (&[("if-match", "\"ABCD\"")], Holds),
            (&[("if-match", "abcd")], Holds),
            (&[("if-match", "\"x\", \"abcd\"")], Holds),
            (&[("if-match", "*")], Holds),
            (&[("if-match", "\"x\"")], Failed("if-match")),
            (&[("if-none-match", "\"x\"")], Holds),
            (&[("if-none-match", "\"abcd\"")], NotModified),
            (&[("if-modified-since", same)], NotModified),
            (&[("if-modified-since", early)], Holds),
            (&[("if-unmodified-since", same)], Holds),
            (&[("if-unmodified-since", early)], Failed("if-unmodified-since")),
            (&[("if-unmodified-since", "yesterday")], Holds),
            (&[("if-match", "\"x\""), ("if-none-match", "abcd")], Failed("if-match")),
            (&[("if-unmodified-since", early), ("if-modified-since", same)], Failed("if-unmodified-since")),
        ];
        for (pairs, expected) in table {
            let headers = pairs.iter().map(|(name, value)| {
                (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
            });
            let modified_at = Timestamp::from_millis(1_795_337_374_987);
            assert_eq!(judge(&headers.collect(), ON_OBJECT, "ABCD", modified_at), expected, "{pairs:?}");
        }
    }
}
