//! Dates of requests, and how far they may be from the present.

use std::time::Duration;

use kulkul_model::Timestamp;

use super::Refusal;

/// `2026-11-22T07:21:54Z`.
pub(crate) fn parse_iso_date(text: &str) -> Result<Timestamp, Refusal> {
    Timestamp::parse_rfc3339(text).ok_or(Refusal::DateMalformed)
}

/// `Sun, 22 Nov 2026 07:23:23 GMT`.
pub(crate) fn parse_http_date(text: &str) -> Result<Timestamp, Refusal> {
    let time = httpdate::parse_http_date(text).map_err(|_| Refusal::DateMalformed)?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| Refusal::DateMalformed)?;
    i64::try_from(since.as_millis()).map(Timestamp::from_millis).map_err(|_| Refusal::DateMalformed)
}

/// Refuses a date that is further than `skew_max` from `now`, either way.
pub(crate) fn check_skew(date: Timestamp, now: Timestamp, skew_max: Duration) -> Result<(), Refusal> {
    match date.since(now).max(now.since(date)) <= skew_max {
        true => Ok(()),
        false => Err(Refusal::DateSkewed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_date_are_read() {
        let expected = Timestamp::parse_rfc3339("2026-11-22T07:23:23Z").unwrap();
        assert_eq!(parse_iso_date("2026-11-22T07:23:23Z"), Ok(expected));
        assert_eq!(parse_http_date("Sun, 22 Nov 2026 07:23:23 GMT"), Ok(expected));
        for text in ["", "yesterday", "2026-11-22", "9999-99-99T00:00:00Z"] {
            assert_eq!(parse_iso_date(text), Err(Refusal::DateMalformed), "{text}");
            assert_eq!(parse_http_date(text), Err(Refusal::DateMalformed), "{text}");
        }
    }

    #[test]
    fn dates_may_be_off_by_the_limit_either_way() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let limit = Duration::from_secs(900);
        for (millis, expected) in [
            (0, Ok(())),
            (900_000, Ok(())),
            (-900_000, Ok(())),
            (900_001, Err(Refusal::DateSkewed)),
            (-900_001, Err(Refusal::DateSkewed)),
            (i64::MIN / 4, Err(Refusal::DateSkewed)),
        ] {
            let date = Timestamp::from_millis(now.as_millis() + millis);
            assert_eq!(check_skew(date, now, limit), expected, "{millis}");
        }
    }
}
