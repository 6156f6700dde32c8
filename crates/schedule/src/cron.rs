//! Six-field cron expressions on the clock of one place, without a zone.
//!
//! Source: EventBridge 2020-04-01, `SourceScheduledEventParameters.Schedule`; Function Compute, time triggers. That 1 is
//! Monday follows from the order MON-SUN there; that either of two restricted day fields is enough is ours, as in
//! every other cron.

use jiff::civil::{Date, DateTime, Time};

use crate::ScheduleError;
use crate::field::{Field, FieldKind};

/// No expression has a longer pause: 29 February, across a year that could have had one and has not.
const DAY_COUNT_MAX: usize = 9 * 366;

const SECOND: FieldKind =
    FieldKind { name: "second", min: 0, max: 59, names: &[], takes_question_mark: false };
const MINUTE: FieldKind =
    FieldKind { name: "minute", min: 0, max: 59, names: &[], takes_question_mark: false };
const HOUR: FieldKind = FieldKind { name: "hour", min: 0, max: 23, names: &[], takes_question_mark: false };
const DAY: FieldKind =
    FieldKind { name: "day of the month", min: 1, max: 31, names: &[], takes_question_mark: true };
const MONTH: FieldKind = FieldKind {
    name: "month",
    min: 1,
    max: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    takes_question_mark: false,
};
const WEEKDAY: FieldKind = FieldKind {
    name: "day of the week",
    min: 1,
    max: 7,
    names: &["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"],
    takes_question_mark: true,
};

/// A parsed expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    second: Field,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Cron {
    pub(crate) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [second, minute, hour, day, month, weekday] = fields[..] else {
            return Err(ScheduleError::FieldCount { count: fields.len() });
        };
        Ok(Self {
            second: Field::parse(second, &SECOND)?,
            minute: Field::parse(minute, &MINUTE)?,
            hour: Field::parse(hour, &HOUR)?,
            day: Field::parse(day, &DAY)?,
            month: Field::parse(month, &MONTH)?,
            weekday: Field::parse(weekday, &WEEKDAY)?,
        })
    }

    /// Whether it fires in every hour of a day.
    pub(crate) fn is_hourly(&self) -> bool {
        self.hour.count() == 24
    }

    /// The first match at `from`, which is a whole second, or later. `None` when there is none in nine years, and
    /// therefore never.
    pub(crate) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let (mut date, mut time) = (from.date(), from.time());
        for _ in 0..DAY_COUNT_MAX {
            if self.has_day(date)
                && let Some(time) = self.time_from(time)
            {
                return Some(date.to_datetime(time));
            }
            (date, time) = (date.tomorrow().ok()?, Time::midnight());
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let month = self.month.has(number(date.month()));
        let day = self.day.has(number(date.day()));
        let weekday = self.weekday.has(number(date.weekday().to_monday_one_offset()));
        month
            && match (self.day.is_any, self.weekday.is_any) {
                (false, false) => day || weekday,
                _ => day && weekday,
            }
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let (hour, minute, second) = (number(from.hour()), number(from.minute()), number(from.second()));
        let this_minute = || Some((hour, minute, self.second.from(second)?));
        let this_hour = || Some((hour, self.minute.from(minute + 1)?, self.second.from(0)?));
        let later = || Some((self.hour.from(hour + 1)?, self.minute.from(0)?, self.second.from(0)?));
        let found = match (self.hour.has(hour), self.minute.has(minute)) {
            (true, true) => this_minute().or_else(this_hour).or_else(later),
            (true, false) => this_hour().or_else(later),
            (false, _) => later(),
        };
        let (hour, minute, second) = found?;
        Time::new(hour as i8, minute as i8, second as i8, 0).ok()
    }
}

/// Parts of dates and times are small and not negative.
fn number(part: i8) -> u8 {
    part.unsigned_abs()
}
