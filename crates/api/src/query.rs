//! Parameters of a query or form: `name=value` joined by `&`.

use std::borrow::Cow;

use crate::percent::{Plus, decode_text, encode};

/// The raw pairs of a query or form, still encoded. A name without `=` has an empty value.
pub(crate) fn raw_pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The parameters of a query, decoded. Those that are not UTF-8 are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let decoded = |(name, value): (&'a str, &'a str)| {
            Some((decode_text(name, Plus::Space)?, decode_text(value, Plus::Space)?))
        };
        Self(raw_pairs(text).filter_map(decoded).collect())
    }

    /// The value of a parameter; the first one when it is given twice.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// Appends the canonical form of a query, which is what ACS3 signs: decoded, sorted by name and then value, encoded.
///
/// Source: "Signature mechanism" of the cloud; needed since one client writes a space as `+`, another as `%20`.
pub(crate) fn push_canonical(query: &str, out: &mut Vec<u8>) {
    let mut pairs: Vec<_> = raw_pairs(query)
        .map(|(name, value)| {
            let decode = |text: &'_ str| crate::percent::decode(text.as_bytes(), Plus::Space).into_owned();
            (decode(name), decode(value))
        })
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        encode(name, out);
        out.push(b'=');
        encode(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(query: &str) -> String {
        let mut out = Vec::new();
        push_canonical(query, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_canonical_form_does_not_depend_on_order_and_spelling() {
        let table = [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("Description=&Name=x", "Description=&Name=x"),
            ("a", "a="),
            ("a=b=c", "a=b%3Dc"),
            ("p=a+b%2Bc", "p=a%20b%2Bc"),
            ("p=a%20b%2bc", "p=a%20b%2Bc"),
            ("p=%ff", "p=%FF"),
            ("a=1&&b=2&", "a=1&b=2"),
        ];
        for (query, expected) in table {
            assert_eq!(canonical(query), expected, "{query}");
        }
    }

    #[test]
    fn parameters_are_found_by_their_decoded_names() {
        let query = Query::parse("prefix=a+b&tags=%5B%5D&x&limit=1&limit=2&bad=%ff");
        let seen = ["prefix", "tags", "x", "limit", "bad", "y"].map(|name| query.get(name));
        assert_eq!(seen, [Some("a b"), Some("[]"), Some(""), Some("1"), None, None]);
    }
}
