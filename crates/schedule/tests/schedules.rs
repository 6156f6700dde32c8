//! When schedules fire, against tables and against a search that looks at every second.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kulkul_model::Timestamp;
use kulkul_schedule::{Schedule, ScheduleError, Zone};
use proptest::prelude::*;

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone.parse().unwrap()).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// The next ticks as local times without a zone.
fn ticks(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(expression, zone);
    let mut from = at(after);
    let mut ticks = Vec::new();
    for _ in 0..count {
        from = schedule.next_after(from).unwrap();
        ticks.push(from.rfc3339_secs());
    }
    ticks
}

#[test]
fn expressions_fire_when_they_say() {
    let table: [(&str, &str, &str, &[&str]); 10] = [
        ("*/10 * * * * *", "GMT", "2026-01-01T00:00:00Z", &["2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z"]),
        ("*/10 * * * * *", "GMT", "2026-01-01T00:00:09.999Z", &["2026-01-01T00:00:10Z"]),
        ("0 0 9 * * 1-5", "GMT", "2026-01-02T09:00:00Z", &["2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z"]),
        ("0 0 9 * * MON-FRI", "GMT", "2026-01-02T09:00:00Z", &["2026-01-05T09:00:00Z"]),
        (
            "0 0 13 * * ?",
            "GMT+8:00",
            "2022-09-21T04:00:00Z",
            &["2022-09-21T05:00:00Z", "2022-09-22T05:00:00Z"],
        ),
        ("0 0 0 31 * ?", "GMT", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
        ("0 0 0 29 FEB *", "GMT", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 0 29 2 *", "GMT", "2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z"]),
        ("0 0 0 13 * FRI", "GMT", "2026-02-06T00:00:00Z", &["2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"]),
        ("59 59 23 31 12 *", "GMT", "2026-12-31T23:59:59Z", &["2027-12-31T23:59:59Z"]),
    ];
    for (expression, zone, after, expected) in table {
        assert_eq!(ticks(expression, zone, after, expected.len()), expected, "{expression} {zone}");
    }
}

#[test]
fn a_time_that_is_skipped_does_not_fire_and_one_that_comes_twice_fires_once() {
    let (zone, daily) = ("Europe/Berlin", "0 30 2 * * *");
    // On 29 March 2026 the clock goes from 2 to 3, on 25 October from 3 to 2.
    let spring = ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"];
    assert_eq!(ticks(daily, zone, "2026-03-28T00:00:00Z", 2), spring);
    let autumn = ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
    assert_eq!(ticks(daily, zone, "2026-10-24T12:00:00Z", 2), autumn);
    let between = ["2026-10-26T01:30:00Z"];
    assert_eq!(ticks(daily, zone, "2026-10-25T00:45:00Z", 1), between, "not the second coming");
    let hourly = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"];
    assert_eq!(ticks("0 30 * * * *", zone, "2026-10-25T00:00:00Z", 3), hourly);
}

#[test]
fn what_is_no_schedule_is_refused() {
    let zone = Zone::default;
    assert_eq!(Schedule::parse("* * * * *", zone()), Err(ScheduleError::FieldCount { count: 5 }));
    assert_eq!(Schedule::parse("0 0 0 30 2 *", zone()), Err(ScheduleError::Never));
    assert_eq!(Schedule::parse("0 0 0 31 4,6,9,11 ?", zone()), Err(ScheduleError::Never));
    let error = Schedule::parse("0 0 24 * * *", zone()).unwrap_err();
    assert_eq!(error.to_string(), "`24` is no hour: the number is out of its range");
}

/// Whether a local time matches, written without the code under test.
fn matches(fields: &[Vec<i8>; 6], day_any: bool, weekday_any: bool, local: DateTime) -> bool {
    let has = |index: usize, number: i8| fields[index].contains(&number);
    let (day, weekday) = (has(3, local.day()), has(5, local.weekday().to_monday_one_offset()));
    let on_day = match (day_any, weekday_any) {
        (false, false) => day || weekday,
        (false, true) => day,
        (true, false) => weekday,
        (true, true) => true,
    };
    has(0, local.second())
        && has(1, local.minute())
        && has(2, local.hour())
        && has(4, local.month())
        && on_day
}

fn field(min: i8, max: i8) -> impl Strategy<Value = (String, Vec<i8>)> {
    prop_oneof![
        Just(("*".to_owned(), (min..=max).collect())),
        prop::collection::vec(min..=max, 1..4).prop_map(|numbers| {
            (numbers.iter().map(i8::to_string).collect::<Vec<_>>().join(","), numbers)
        }),
        (min..=max, 1i8..=9).prop_map(move |(first, step)| {
            (format!("{first}-{max}/{step}"), (first..=max).step_by(step as usize).collect())
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_next_tick_is_the_first_second_that_matches(
        second in field(0, 59), minute in field(0, 59), hour in field(0, 23),
        day in field(1, 31), month in field(1, 12), weekday in field(1, 7),
        start in 1_760_000_000i64..1_860_000_000,
        zone in prop::sample::select(vec!["GMT", "GMT-3:30", "Europe/Berlin", "Asia/Kolkata"]),
    ) {
        let all = [&second, &minute, &hour, &day, &month, &weekday];
        let text = all.map(|(text, _)| text.as_str()).join(" ");
        let any = |text: &str| text == "*";
        let (day_any, weekday_any) = (any(&day.0), any(&weekday.0));
        let fields = [second.1, minute.1, hour.1, day.1, month.1, weekday.1];
        let Ok(schedule) = Schedule::parse(&text, zone.parse().unwrap()) else { return Ok(()) };
        let rules = if let Some(offset) = zone.strip_prefix("GMT-") {
            prop_assert_eq!(offset, "3:30");
            TimeZone::fixed(jiff::tz::Offset::from_seconds(-12_600).unwrap())
        } else {
            TimeZone::get(if zone == "GMT" { "UTC" } else { zone }).unwrap()
        };
        let next = schedule.next_after(Timestamp::from_millis(start * 1000));
        // A day of seconds is looked at one by one.
        for second in start + 1..start + 86_400 {
            let instant = jiff::Timestamp::from_second(second).unwrap();
            let local = rules.to_datetime(instant);
            let again = rules.to_ambiguous_timestamp(local).earlier().unwrap() < instant;
            if matches(&fields, day_any, weekday_any, local) && (!again || fields[2].len() == 24) {
                prop_assert_eq!(next, Some(Timestamp::from_millis(second * 1000)), "{}", text);
                return Ok(());
            }
        }
        prop_assert!(next.is_none_or(|next| next.as_secs() >= start + 86_400), "{} {:?}", text, next);
    }
}
