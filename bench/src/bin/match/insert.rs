//! How long it takes to add one more pattern to an index that has many.

use std::sync::Arc;

use kulkul_bench::report::{Bound, Report, Row};
use kulkul_bench::turns::thread_time;
use kulkul_pattern::{Pattern, PatternOptions, SharedIndex};

use crate::workload::Shape;

/// The section of the rows.
pub(crate) const SECTION: &str = "insert, nobody reads";

/// How many inserts are measured at each size.
const SAMPLES: usize = 1_000;

/// Adds a row for each of several sizes.
pub(crate) fn put_rows(report: &mut Report) {
    let index = SharedIndex::default();
    let pattern = |rule| {
        let text = Shape::Mixed.pattern(rule);
        Arc::new(Pattern::parse(&text, &PatternOptions::default()).expect("the pattern is valid"))
    };
    let mut rule = 0;
    for size in [1_000, 10_000, 100_000] {
        while rule < size {
            index.insert(rule, pattern(rule)).expect("the pattern names texts");
            rule += 1;
        }
        let mut times: Vec<f64> = (0..SAMPLES)
            .map(|_| {
                let pattern = pattern(rule);
                let start = thread_time();
                index.insert(rule, pattern).expect("the pattern names texts");
                rule += 1;
                (thread_time() - start).as_nanos() as f64 / 1_000.0
            })
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let measured = format!("median {:.1} us, p99 {:.1} us, longest {:.1} us", at(0.5), at(0.99), at(1.0));
        let row = Row::new(SECTION, format!("one more than {size} rules"), measured);
        report.rows.push(row.value(at(0.99)).bound(Bound::AtMost(1_000.0)));
    }
}
