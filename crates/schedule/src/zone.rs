//! Time zones as users write them.

use std::fmt;
use std::str::FromStr;

use jiff::tz::{Offset, TimeZone};

use crate::ScheduleError;

/// A time zone: an offset from Greenwich (`GMT+8:00`, `UTC-03:30`, `GMT`) or a name of the zone database
/// (`Asia/Jakarta`).
///
/// Source: EventBridge 2020-04-01, `SourceScheduledEventParameters.TimeZone`; names are those of `CRON_TZ` in Function
/// Compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    text: String,
    pub(crate) rules: TimeZone,
}

impl Zone {
    /// The zone as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Default for Zone {
    /// `GMT+0:00`, as in the cloud.
    fn default() -> Self {
        Self { text: "GMT+0:00".to_owned(), rules: TimeZone::UTC }
    }
}

impl FromStr for Zone {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let fault = || ScheduleError::Zone { text: text.chars().take(64).collect() };
        let rules = match text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC")) {
            Some("") => TimeZone::UTC,
            Some(offset) => TimeZone::fixed(offset_of(offset).ok_or_else(fault)?),
            // Names are looked up in a directory: nothing but names goes there.
            None if text.len() <= 64 && text.split('/').all(is_word) => {
                TimeZone::get(text).map_err(|_| fault())?
            }
            None => return Err(fault()),
        };
        Ok(Self { text: text.to_owned(), rules })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_word(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+');
    !text.is_empty() && text.bytes().all(legal)
}

/// `+8:00`, `-3:30`, `+08`, `+0800`.
fn offset_of(text: &str) -> Option<Offset> {
    let (sign, rest) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    if !rest.is_ascii() {
        return None;
    }
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if rest.len() == 4 => rest.split_at(2),
        None => (rest, "00"),
    };
    let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 18 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_names_are_zones() {
        let table = [
            ("GMT", 0),
            ("GMT+8:00", 28_800),
            ("GMT+08:00", 28_800),
            ("GMT-3:30", -12_600),
            ("UTC+5", 18_000),
            ("UTC+0530", 19_800),
            ("Asia/Jakarta", 25_200),
        ];
        for (text, seconds) in table {
            let zone: Zone = text.parse().unwrap();
            assert_eq!(zone.rules.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds(), seconds, "{text}");
            assert_eq!(zone.to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            "GMT8",
            "GMT+",
            "GMT+8:0",
            "GMT+19:00",
            "GMT+8:60",
            "Asia/Atlantis",
            "../etc/passwd",
            "GMT+é",
        ] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
