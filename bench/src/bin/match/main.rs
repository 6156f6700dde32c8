//! How long it takes to find the patterns that match an event, among few and among many.
//!
//! Compared with parsing the same events by sonic-rs, which is the price of any matcher that starts from a tree, and
//! with the matcher quamina where it can hold the patterns.

mod insert;
mod workload;

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use kulkul_bench::report::{Bound, Report, Row};
use kulkul_bench::turns::{Contestant, nanoseconds_in_turns};
use kulkul_pattern::{Pattern, PatternOptions, SharedIndex};
use quamina::Quamina;
use workload::{Layout, Shape};

/// Measures matching events against patterns.
#[derive(Parser)]
struct Arguments {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How many turns each contestant gets; the fastest counts.
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Measure only the sections whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

const RULE_COUNTS: [usize; 5] = [5, 100, 1_000, 10_000, 100_000];
/// How many different events are used in turn.
const EVENT_COUNT: usize = 1_000;
/// Quamina is not asked to hold more patterns: it takes minutes and gigabytes.
const QUAMINA_MAX: usize = 10_000;

/// How much processor time each contestant may use for a row.
const BUDGET: Duration = Duration::from_millis(500);

fn main() {
    let arguments = Arguments::parse();
    let mut report = Report::new();
    for shape in Shape::ALL {
        for layout in Layout::ALL {
            let section = format!("{}, {}", shape.name(), layout.name());
            if section.contains(&arguments.only) {
                let times = RULE_COUNTS.map(|rules| (rules, measure(shape, layout, rules, &arguments)));
                put_rows(&mut report, &section, &times);
            }
        }
    }
    if insert::SECTION.contains(&arguments.only) {
        insert::put_rows(&mut report);
    }
    println!("{}", if arguments.json { report.to_json() } else { report.to_table() });
}

/// What an event of 1 KiB costs, in nanoseconds.
struct Times {
    ours: f64,
    parse: f64,
    /// Or why there is none.
    quamina: Result<f64, String>,
}

fn put_rows(report: &mut Report, section: &str, times: &[(usize, Times)]) {
    let of_100 = times.iter().find(|(rules, _)| *rules == 100).map_or(f64::NAN, |(_, times)| times.ours);
    for (rules, times) in times {
        let measured = || Row::new(section, format!("{rules} rules"), format!("{:.0} ns/event", times.ours));
        let parse =
            measured().against(format!("sonic-rs parse {:.0} ns", times.parse), times.ours / times.parse);
        report.rows.push(if *rules == 10_000 { parse.bound(Bound::AtMost(6.0)) } else { parse });
        report.rows.push(match &times.quamina {
            Ok(time) => {
                let row = measured().against(format!("quamina {time:.0} ns"), times.ours / time);
                if matches!(rules, 5 | 1_000) { row.bound(Bound::AtMost(1.0)) } else { row }
            }
            Err(why) => Row { against: format!("quamina {why}"), ..measured() },
        });
        if *rules == 100_000 {
            let row = measured().against(format!("100 rules {of_100:.0} ns"), times.ours / of_100);
            report.rows.push(row.bound(Bound::AtMost(2.0)));
        }
    }
}

fn measure(shape: Shape, layout: Layout, rules: usize, arguments: &Arguments) -> Times {
    let index = SharedIndex::default();
    for rule in 0..rules {
        let pattern =
            Pattern::parse(&shape.pattern(rule), &PatternOptions::default()).expect("the pattern is valid");
        index.insert(rule, Arc::new(pattern)).expect("the pattern names texts");
    }
    // Spread over all rules, so that what is needed of them is not all in the nearest cache.
    let events: Vec<Vec<u8>> = (0..EVENT_COUNT)
        .map(|event| workload::event(layout, event * 7919 % rules, event).into_bytes())
        .collect();
    let mut out = Vec::new();
    for event in &events {
        out.clear();
        index.matching(event, &mut out);
        assert_eq!(out.len(), 1, "each event matches one rule: {}", String::from_utf8_lossy(event));
    }
    let quamina = load_quamina(shape, rules, &events);

    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| {
            let mut out = Vec::new();
            for event in &events {
                out.clear();
                index.matching(black_box(event), &mut out);
                black_box(&out);
            }
            events.len() as u64
        }),
        Box::new(|| {
            for event in &events {
                black_box(
                    sonic_rs::from_slice::<sonic_rs::Value>(black_box(event)).expect("the event is valid"),
                );
            }
            events.len() as u64
        }),
    ];
    if let Ok(quamina) = &quamina {
        contestants.push(Box::new(|| {
            for event in &events {
                black_box(quamina.matches_for_event(black_box(event)).expect("it matched before"));
            }
            events.len() as u64
        }));
    }
    let times = nanoseconds_in_turns(&mut contestants, arguments.rounds, BUDGET);
    Times {
        ours: times[0],
        parse: times[1],
        quamina: quamina.as_ref().map(|_| times[2]).map_err(Clone::clone),
    }
}

/// Quamina with the patterns, if it can hold them and finds what it should.
fn load_quamina(shape: Shape, rules: usize, events: &[Vec<u8>]) -> Result<Quamina<usize>, String> {
    if rules > QUAMINA_MAX {
        return Err("not tried".to_owned());
    }
    let load = || {
        let mut quamina = Quamina::new();
        for rule in 0..rules {
            quamina
                .add_pattern(rule, &shape.pattern(rule))
                .map_err(|error| format!("refuses a pattern: {error}"))?;
        }
        for event in events {
            let found =
                quamina.matches_for_event(event).map_err(|error| format!("refuses an event: {error}"))?;
            if found.len() != 1 {
                return Err(format!("finds {} rules where one matches", found.len()));
            }
        }
        Ok(quamina)
    };
    // That it panics is a result here, not an accident to be reported.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let loaded = catch_unwind(AssertUnwindSafe(load));
    std::panic::set_hook(hook);
    loaded.unwrap_or_else(|_| Err("panics".to_owned()))
}
