//! The table that a benchmark prints, for people and as JSON.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The rows of one or more benchmarks, and the machine they were measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Cores that the benchmark could use.
    pub cores: usize,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which part of the benchmark it belongs to.
    pub section: String,
    /// What was measured.
    pub what: String,
    /// The measurement, with its unit.
    pub measured: String,
    /// What it is compared with, and the measurement of that; empty when it is compared with its bound alone.
    pub against: String,
    /// The number that the bound is for: a ratio where there is something to compare with.
    pub value: Option<f64>,
    /// What the number has to keep.
    pub bound: Option<Bound>,
}

/// What a number has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// It must not be larger.
    AtMost(f64),
    /// It must not be smaller.
    AtLeast(f64),
}

impl Report {
    /// A report without rows for this machine.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, rows: Vec::new() }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers are JSON")
    }

    /// The report as a table in Markdown, readable as plain text too.
    pub fn to_table(&self) -> String {
        const HEADINGS: [&str; 7] =
            ["section", "what", "measured", "against", "ratio or value", "bound", "kept"];
        let headings = HEADINGS.map(str::to_owned);
        let lines: Vec<[String; 7]> =
            std::iter::once(headings).chain(self.rows.iter().map(Row::cells)).collect();
        let widths: [usize; 7] =
            std::array::from_fn(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0));
        let mut text = format!("{} cores\n\n", self.cores);
        for (number, line) in lines.iter().enumerate() {
            put_line(&mut text, line, &widths);
            if number == 0 {
                put_line(&mut text, &widths.map(|width| "-".repeat(width)), &widths);
            }
        }
        text
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl Row {
    /// A row that says what was measured, without a bound.
    pub fn new(section: &str, what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            section: section.to_owned(),
            what: what.into(),
            measured: measured.into(),
            against: String::new(),
            value: None,
            bound: None,
        }
    }

    /// Names what it is compared with, and the ratio of the two.
    pub fn against(mut self, against: impl Into<String>, ratio: f64) -> Self {
        self.against = against.into();
        self.value = Some(ratio);
        self
    }

    /// Gives the number that the bound is for, when it is no ratio.
    pub fn value(mut self, value: f64) -> Self {
        self.value = Some(value);
        self
    }

    /// Sets the bound.
    pub fn bound(mut self, bound: Bound) -> Self {
        self.bound = Some(bound);
        self
    }

    /// Whether the bound is kept; `None` without a bound.
    pub fn is_kept(&self) -> Option<bool> {
        self.bound.zip(self.value).map(|(bound, value)| bound.allows(value))
    }

    fn cells(&self) -> [String; 7] {
        let kept = self.is_kept().map_or("", |kept| if kept { "yes" } else { "NO" });
        [
            self.section.clone(),
            self.what.clone(),
            self.measured.clone(),
            self.against.clone(),
            self.value.map_or_else(String::new, number),
            self.bound.map_or_else(String::new, Bound::text),
            kept.to_owned(),
        ]
    }
}

impl Bound {
    fn allows(self, value: f64) -> bool {
        match self {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        }
    }

    fn text(self) -> String {
        match self {
            Bound::AtMost(most) => format!("≤ {}", plain(most)),
            Bound::AtLeast(least) => format!("≥ {}", plain(least)),
        }
    }
}

/// A number with three significant digits, or whole when it is large.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A number as it was written.
fn plain(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value}") }
}

fn put_line(text: &mut String, cells: &[String; 7], widths: &[usize; 7]) {
    for (cell, width) in cells.iter().zip(widths) {
        write!(text, "| {cell:<width$} ").expect("a text grows");
    }
    text.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let rows = vec![
            Row::new("put", "one event", "240 µs")
                .against("one fdatasync 120 µs", 2.0)
                .bound(Bound::AtMost(2.5)),
            Row::new("put", "64 connections", "20000/s").value(20_000.0).bound(Bound::AtLeast(28_000.0)),
            Row::new("put", "flushes", "1.00 an answer"),
        ];
        Report { cores: 2, rows }
    }

    #[test]
    fn a_bound_is_kept_up_to_the_bound_itself() {
        let kept: Vec<_> = report().rows.iter().map(Row::is_kept).collect();
        assert_eq!(kept, [Some(true), Some(false), None]);
        assert!(Bound::AtMost(2.0).allows(2.0) && Bound::AtLeast(2.0).allows(2.0));
    }

    #[test]
    fn the_table_lines_up_and_marks_what_is_not_kept() {
        let table = report().to_table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "2 cores");
        assert!(lines[3].contains("---"));
        assert!(lines[5].contains("| 20000 ") && lines[5].contains("≥ 28000") && lines[5].contains("| NO "));
        let lengths: Vec<usize> = lines[2..].iter().map(|line| line.chars().count()).collect();
        assert!(lengths.windows(2).all(|pair| pair[0] == pair[1]), "{lengths:?}");
    }

    #[test]
    fn json_comes_back_as_it_went() {
        let report = report();
        let read: Report = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(read, report);
    }
}
