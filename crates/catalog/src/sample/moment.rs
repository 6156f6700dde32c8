//! Times in sample data: recognising the forms that the cloud writes, and moving them without changing the form.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kulkul_model::Timestamp;

/// How far from the moment of writing a bare number may be to be taken for a time: 400 days.
const EPOCH_WINDOW_MILLIS: i64 = 400 * 86_400_000;

/// A time as text: `2026-02-11T03:04:05Z`, `2026-02-11T11:04:05.12+08:00`, `2026-02-11 11:04:05`, `2025-03-18T02:00Z`
/// or `20260211T110405.271+0800`.
pub(super) struct TimeText<'a> {
    civil: DateTime,
    compact: bool,
    separator: char,
    has_seconds: bool,
    fraction_digit_count: usize,
    zone: &'a str,
}

/// The text moved by as much as `to` is after `from`; `None` when it is not a time.
pub(super) fn moved(text: &str, from: Timestamp, to: Timestamp) -> Option<String> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return moved_epoch(text.parse().ok()?, from, to).map(|number| number.to_string());
    }
    TimeText::parse(text)?.moved(difference(from, to))
}

/// The number moved likewise when it looks like seconds or milliseconds since the epoch.
pub(super) fn moved_epoch(number: i64, from: Timestamp, to: Timestamp) -> Option<i64> {
    let near =
        |millis: i64| (millis.saturating_sub(from.as_millis())).saturating_abs() <= EPOCH_WINDOW_MILLIS;
    let difference = difference(from, to);
    if near(number) {
        return Some(number.saturating_add(difference));
    }
    let millis = number.saturating_mul(1000);
    near(millis).then(|| millis.saturating_add(difference).div_euclid(1000))
}

fn difference(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millis().saturating_sub(from.as_millis())
}

impl<'a> TimeText<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let mut read = Reader(text);
        let year = read.digits(4)?;
        let compact = !read.skip('-');
        let month = read.digits(2)?;
        let day = read.after('-', compact)?;
        let separator = if read.skip('T') {
            'T'
        } else if !compact && read.skip(' ') {
            ' '
        } else {
            return None;
        };
        let hour = read.digits(2)?;
        let minute = read.after(':', compact)?;
        let has_seconds = compact || read.0.starts_with(':');
        let second = if has_seconds { read.after(':', compact)? } else { 0 };
        let (fraction_digit_count, nanos) = if read.skip('.') { read.fraction()? } else { (0, 0) };
        let zone = read.0;
        offset_millis(zone)?;
        let small = |number: i32| i8::try_from(number).ok();
        let civil = DateTime::new(
            i16::try_from(year).ok()?,
            small(month)?,
            small(day)?,
            small(hour)?,
            small(minute)?,
            small(second)?,
            nanos,
        );
        Some(Self { civil: civil.ok()?, compact, separator, has_seconds, fraction_digit_count, zone })
    }

    /// The point in time; without a zone, of UTC.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        let as_if_utc = self.civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
        Some(Timestamp::from_millis(as_if_utc - offset_millis(self.zone)?))
    }

    fn moved(&self, by_millis: i64) -> Option<String> {
        let to = self.civil.checked_add(SignedDuration::from_millis(by_millis)).ok()?;
        let (dash, colon) = if self.compact { ("", "") } else { ("-", ":") };
        let mut text = format!(
            "{:04}{dash}{:02}{dash}{:02}{}{:02}{colon}{:02}",
            to.year(),
            to.month(),
            to.day(),
            self.separator,
            to.hour(),
            to.minute()
        );
        if self.has_seconds {
            text.push_str(&format!("{colon}{:02}", to.second()));
        }
        if self.fraction_digit_count > 0 {
            text.push('.');
            text.push_str(&format!("{:09}", to.subsec_nanosecond())[..self.fraction_digit_count]);
        }
        text.push_str(self.zone);
        Some(text)
    }
}

/// `None` when it is not a zone. No zone at all counts as UTC.
fn offset_millis(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None => return Some(0),
        Some('Z') => return (zone == "Z").then_some(0),
        Some('+') => 1,
        Some('-') => -1,
        Some(_) => return None,
    };
    let mut read = Reader(&zone[1..]);
    let hours = read.digits(2)?;
    read.skip(':');
    let minutes = read.digits(2)?;
    read.0.is_empty().then_some(sign * i64::from(hours * 60 + minutes) * 60_000)
}

/// What is left to read of an ASCII text.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<i32> {
        let digits = self.0.get(..count).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        self.0 = &self.0[count..];
        digits.parse().ok()
    }

    /// Two digits, after the separator of the longer form.
    fn after(&mut self, separator: char, compact: bool) -> Option<i32> {
        if !compact && !self.skip(separator) {
            return None;
        }
        self.digits(2)
    }

    fn skip(&mut self, expected: char) -> bool {
        match self.0.strip_prefix(expected) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// How many digits, and the nanoseconds that they are.
    fn fraction(&mut self) -> Option<(usize, i32)> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let scale = 10_i32.pow(u32::try_from(9 - count).ok()?);
        Some((count, self.digits(count)? * scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn times_move_and_keep_their_form() {
        let (from, to) = (time("2026-02-11T03:04:05Z"), time("2027-03-01T00:00:00.271Z"));
        let table = [
            ("2026-02-11T03:04:05Z", Some("2027-03-01T00:00:00Z")),
            ("2026-02-11T11:04:05+08:00", Some("2027-03-01T08:00:00+08:00")),
            ("2026-02-11T03:04:05.12Z", Some("2027-03-01T00:00:00.39Z")),
            ("2026-02-11T11:04:05.120000000+08:00", Some("2027-03-01T08:00:00.391000000+08:00")),
            ("2026-02-11 11:04:05", Some("2027-03-01 08:00:00")),
            ("2026-02-11T03:04Z", Some("2027-02-28T23:59Z")),
            ("20260211T110405.271+0800", Some("20270301T080000.542+0800")),
            ("1770779045000", Some("1803859200271")),
            ("1770779045", Some("1803859200")),
            ("1600000000000001", None),
            ("2019-09-16", None),
            ("2026-02-11T03:04:05PRC", None),
            ("2026-02-30T03:04:05Z", None),
            ("Version: 2026-02-11", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(moved(text, from, to).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_read(text in "\\PC{0,40}") {
            let _ = TimeText::parse(&text);
        }

        #[test]
        fn moving_there_and_back_changes_nothing(millis in -1_000_000_000_000i64..1_000_000_000_000) {
            let (from, to) = (time("2026-02-11T03:04:05Z"), time("2026-02-11T03:04:05Z").as_millis() + millis);
            let to = Timestamp::from_millis(to);
            let text = "2026-02-10T23:59:59.999+08:00";
            let there = moved(text, from, to).unwrap();
            prop_assert_eq!(moved(&there, to, from).unwrap(), text);
        }
    }
}
