//! One field of a cron expression: a set of small numbers.

use crate::ScheduleError;

/// What a field may hold.
pub(crate) struct FieldKind {
    pub(crate) name: &'static str,
    pub(crate) min: u8,
    pub(crate) max: u8,
    /// Names for the numbers from `min` on; none for most fields.
    pub(crate) names: &'static [&'static str],
    /// Whether `?` stands for any value, as it may where two fields speak of the day.
    pub(crate) takes_question_mark: bool,
}

/// A set of numbers from 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    bits: u64,
    /// Whether it was written as `*` or `?`, which for days means more than that every value matches.
    pub(crate) is_any: bool,
}

impl Field {
    /// Parses a list of values, ranges and steps: `1,5-10,30-59/5`, `*/15`, `MON-FRI`, `10/20` (from 10 on).
    pub(crate) fn parse(text: &str, kind: &FieldKind) -> Result<Self, ScheduleError> {
        let fault = |problem| ScheduleError::Field {
            field: kind.name,
            text: text.chars().take(64).collect(),
            problem,
        };
        let is_any = text == "*" || (text == "?" && kind.takes_question_mark);
        if is_any {
            return Ok(Self { bits: range_bits(kind.min, kind.max, 1), is_any });
        }
        let mut bits = 0;
        for part in text.split(',') {
            bits |= part_bits(part, kind).map_err(fault)?;
        }
        Ok(Self { bits, is_any })
    }

    pub(crate) fn has(self, number: u8) -> bool {
        number < 64 && self.bits >> number & 1 == 1
    }

    /// The smallest number of the set that is at least `from`.
    pub(crate) fn from(self, from: u8) -> Option<u8> {
        let left = self.bits.checked_shr(from.into()).unwrap_or(0);
        (left != 0).then(|| from + left.trailing_zeros() as u8)
    }

    pub(crate) fn count(self) -> u32 {
        self.bits.count_ones()
    }
}

fn part_bits(part: &str, kind: &FieldKind) -> Result<u64, &'static str> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => {
            let step = step.parse::<u8>().ok().filter(|step| *step > 0 && *step <= kind.max);
            (range, Some(step.ok_or("the step must be a number from 1 to the largest value")?))
        }
        None => (part, None),
    };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (kind.min, kind.max),
        Some((first, last)) => (number(first, kind)?, number(last, kind)?),
        // `10/20` is every 20th from 10 on; a number alone is itself.
        None => {
            let first = number(range, kind)?;
            (first, if step.is_some() { kind.max } else { first })
        }
    };
    if first > last {
        return Err("the range ends before it begins");
    }
    Ok(range_bits(first, last, step.unwrap_or(1)))
}

fn number(text: &str, kind: &FieldKind) -> Result<u8, &'static str> {
    let named = kind.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    if let Some(index) = named.and_then(|index| u8::try_from(index).ok()) {
        return Ok(kind.min + index);
    }
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<u8>().ok().filter(|_| digits).ok_or("it is not a number or name")?;
    (kind.min..=kind.max).contains(&number).then_some(number).ok_or("the number is out of its range")
}

fn range_bits(first: u8, last: u8, step: u8) -> u64 {
    (first..=last).step_by(step.into()).fold(0, |bits, number| bits | 1 << number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: FieldKind =
        FieldKind { name: "minute", min: 0, max: 59, names: &[], takes_question_mark: false };
    const WEEKDAYS: FieldKind = FieldKind {
        name: "day of the week",
        min: 1,
        max: 7,
        names: &["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"],
        takes_question_mark: true,
    };

    #[test]
    fn lists_ranges_and_steps_are_understood() {
        let table: [(&str, &[u8]); 6] = [
            ("5", &[5]),
            ("1,3,3", &[1, 3]),
            ("58-59", &[58, 59]),
            ("*/20", &[0, 20, 40]),
            ("50/4", &[50, 54, 58]),
            ("10-20/5,7", &[7, 10, 15, 20]),
        ];
        for (text, numbers) in table {
            let field = Field::parse(text, &MINUTES).unwrap();
            let seen: Vec<u8> = (0..60).filter(|number| field.has(*number)).collect();
            assert_eq!(seen, numbers, "{text}");
        }
        let weekdays = Field::parse("mon-wed,7", &WEEKDAYS).unwrap();
        assert_eq!((1..=7).filter(|day| weekdays.has(*day)).collect::<Vec<_>>(), [1, 2, 3, 7]);
    }

    #[test]
    fn the_next_number_is_found() {
        let field = Field::parse("5,59", &MINUTES).unwrap();
        assert_eq!(
            [0, 5, 6, 59, 60, 64].map(|from| field.from(from)),
            [Some(5), Some(5), Some(59), Some(59), None, None]
        );
    }

    #[test]
    fn only_a_star_is_any() {
        assert!(Field::parse("*", &MINUTES).unwrap().is_any && Field::parse("?", &WEEKDAYS).unwrap().is_any);
        let all = Field::parse("*/1", &MINUTES).unwrap();
        assert_eq!((all.is_any, all.count()), (false, 60));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for text in
            ["", "60", "-1", "5-1", "1-", "*/0", "*/60", "a", "1,,2", "?", "1/2/3", "005", "+5", "1-2-3"]
        {
            assert!(Field::parse(text, &MINUTES).is_err(), "{text}");
        }
        for text in ["0", "8", "MONDAY", "FRI-MON"] {
            assert!(Field::parse(text, &WEEKDAYS).is_err(), "{text}");
        }
    }
}
