//! The two spellings of an official source.

use std::borrow::Cow;

/// The catalog's spelling of the name of a source: `acs:dm` becomes `acs.dm`; every other text stays as it is.
///
/// Rules and most samples of the cloud write official sources with a dot, samples of Direct Mail and of Cloud
/// Conferencing with a colon, and both arrive. This is for looking a source up. The event itself keeps what its
/// producer sent. Source: EventBridge, "Event overview" and "Direct Mail events".
pub fn canonical_source(source: &str) -> Cow<'_, str> {
    match source.strip_prefix("acs:") {
        Some(code) if !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            Cow::Owned(format!("acs.{code}"))
        }
        _ => Cow::Borrowed(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_colon_after_acs_becomes_a_dot() {
        let table = [
            ("acs:dm", "acs.dm"),
            ("acs.dm", "acs.dm"),
            ("acs:oss:cn-hangzhou:1:bucket", "acs:oss:cn-hangzhou:1:bucket"),
            ("acs:", "acs:"),
            ("shop", "shop"),
            ("", ""),
        ];
        for (given, expected) in table {
            assert_eq!(canonical_source(given), expected, "{given}");
        }
    }
}
