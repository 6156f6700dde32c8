//! Times as OSS writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kulkul_model::Timestamp;

/// `Sun, 22 Nov 2026 08:49:34 GMT`: the form of headers.
pub(crate) fn http_date(time: Timestamp) -> String {
    // The formatter covers the years up to 9999.
    let secs = u64::try_from(time.as_secs()).unwrap_or(0).min(253_402_300_799);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs))
}

/// Reads the form of headers, and the two older ones that HTTP still allows.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Timestamp::from_millis)
}

/// `2026-11-22T08:49:34.000Z`: the form of XML and of events. The fraction is always zero: oss2 reads no other.
pub(crate) fn xml_time(time: Timestamp) -> String {
    let mut text = time.rfc3339_secs();
    text.pop();
    text + ".000Z"
}

/// `20261122T084934Z`: the form of V4 signatures.
pub(crate) fn parse_compact(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let digits = |at: std::ops::Range<usize>| bytes[at].iter().all(u8::is_ascii_digit);
    let shaped = bytes.len() == 16 && bytes[8] == b'T' && bytes[15] == b'Z' && digits(0..8) && digits(9..15);
    shaped.then_some(())?;
    let (date, time) = (&text[..8], &text[9..15]);
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    Timestamp::parse_rfc3339(&iso)
}

/// Reads a date in a condition on the source of a copy: the form of headers, or ISO.
pub(crate) fn parse_either(text: &str) -> Option<Timestamp> {
    parse_http_date(text).or_else(|| Timestamp::parse_rfc3339(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_exact() {
        let time = Timestamp::from_millis(1_795_337_374_987);
        assert_eq!(http_date(time), "Sun, 22 Nov 2026 08:49:34 GMT");
        assert_eq!(xml_time(time), "2026-11-22T08:49:34.000Z");
        let second = Timestamp::from_millis(1_795_337_374_000);
        assert_eq!(parse_http_date("Sun, 22 Nov 2026 08:49:34 GMT"), Some(second));
        assert_eq!(parse_compact("20261122T084934Z"), Some(second));
        assert_eq!(parse_either("2026-11-22T08:49:34Z"), Some(second));
        for bad in ["", "20261122T084934", "2026-11-22T08:49:34Z", "20261322T084934Z", "2026112üT08493Z"] {
            assert_eq!(parse_compact(bad), None, "{bad}");
        }
        assert_eq!(parse_http_date("1795337374"), None);
    }
}
