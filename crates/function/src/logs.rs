//! The last lines that each function logged, in memory.
//!
//! Bounded for each function and in all: when there is too much, the function that logged least recently loses its
//! lines first. Nothing here survives a restart; what an attempt logged is kept with its trace.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kulkul_delivery::Clock;
use kulkul_instance::{LogLine, LogSink};
use kulkul_model::{FunctionName, Timestamp};

/// How much to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Bytes of one function.
    pub function_bytes_max: usize,
    /// Bytes of all functions.
    pub bytes_max: usize,
}

impl Default for LogLimits {
    /// 256 KiB a function, 16 MiB in all.
    fn default() -> Self {
        Self { function_bytes_max: 256 * 1024, bytes_max: 16 * 1024 * 1024 }
    }
}

/// A kept line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place among all lines of all functions since the start, from 1.
    pub number: u64,
    /// When it was received.
    pub at: Timestamp,
    /// The invocation that printed it; absent when it was printed between two.
    pub invocation: Option<String>,
    /// The instance.
    pub instance: Arc<str>,
    /// The text.
    pub text: String,
}

/// The recent log lines of all functions.
pub struct Logs {
    limits: LogLimits,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    functions: HashMap<FunctionName, Lines>,
    bytes: usize,
    /// Counts lines, to tell who logged least recently.
    line_number: u64,
}

#[derive(Default)]
struct Lines {
    entries: VecDeque<LogEntry>,
    bytes: usize,
    last_line_number: u64,
}

/// What an entry takes beside its text.
const ENTRY_BYTES: usize = 128;

impl Logs {
    /// Keeps nothing yet.
    pub fn new(limits: LogLimits, clock: Arc<dyn Clock>) -> Self {
        Self { limits, clock, kept: Mutex::default() }
    }

    /// The last lines of a function, at most `max`, the oldest first; with `invocation`, only those that it printed.
    pub fn recent(&self, function: &FunctionName, invocation: Option<&str>, max: usize) -> Vec<LogEntry> {
        let kept = self.kept();
        let entries = kept.functions.get(function).map(|lines| &lines.entries);
        let wanted = |entry: &&LogEntry| invocation.is_none() || entry.invocation.as_deref() == invocation;
        let mut found: Vec<LogEntry> =
            entries.into_iter().flatten().rev().filter(wanted).take(max).cloned().collect();
        found.reverse();
        found
    }

    /// The lines of a function that came after the one with a number, at most `max`, the oldest first.
    pub fn after(&self, function: &FunctionName, number: u64, max: usize) -> Vec<LogEntry> {
        let kept = self.kept();
        let Some(Lines { entries, .. }) = kept.functions.get(function) else { return Vec::new() };
        // Numbers rise, so that a reader who has seen almost everything costs almost nothing.
        let first = entries.partition_point(|entry| entry.number <= number);
        entries.range(first..).take(max).cloned().collect()
    }

    /// The number of the newest line of all functions; 0 when there was none since the start.
    pub fn newest(&self) -> u64 {
        self.kept().line_number
    }

    /// Forgets a function that is gone.
    pub(crate) fn forget(&self, function: &FunctionName) {
        let mut kept = self.kept();
        if let Some(lines) = kept.functions.remove(function) {
            kept.bytes -= lines.bytes;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogSink for Logs {
    fn line(&self, line: LogLine<'_>) {
        let entry = LogEntry {
            number: 0,
            at: self.clock.now(),
            invocation: line.request_id.map(|id| id.as_str().to_owned()),
            instance: line.instance.as_str().into(),
            text: line.text.to_owned(),
        };
        self.kept().push(line.function, entry, &self.limits);
    }
}

impl Kept {
    /// Keeps a line, under the next number.
    fn push(&mut self, function: &FunctionName, mut entry: LogEntry, limits: &LogLimits) {
        self.line_number += 1;
        let line_number = self.line_number;
        entry.number = line_number;
        let lines = match self.functions.get_mut(function) {
            Some(lines) => lines,
            None => self.functions.entry(function.clone()).or_default(),
        };
        lines.last_line_number = line_number;
        let before = lines.bytes;
        lines.bytes += bytes_of(&entry);
        lines.entries.push_back(entry);
        // The newest line stays, however long it is.
        while lines.bytes > limits.function_bytes_max && lines.entries.len() > 1 {
            lines.drop_oldest();
        }
        self.bytes = self.bytes + lines.bytes - before;
        while self.bytes > limits.bytes_max && self.functions.len() > 1 {
            let quietest = self.functions.iter().min_by_key(|(_, lines)| lines.last_line_number);
            let Some(name) = quietest.map(|(name, _)| name.clone()) else { return };
            self.bytes -= self.functions.remove(&name).map_or(0, |lines| lines.bytes);
        }
    }
}

impl Lines {
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= bytes_of(&oldest);
        }
    }
}

fn bytes_of(entry: &LogEntry) -> usize {
    ENTRY_BYTES + entry.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_delivery::SystemClock;

    fn logs(function_bytes_max: usize, bytes_max: usize) -> Logs {
        Logs::new(LogLimits { function_bytes_max, bytes_max }, Arc::new(SystemClock))
    }

    fn push(logs: &Logs, function: &str, invocation: Option<&str>, text: &str) {
        let entry = LogEntry {
            number: 0,
            at: Timestamp::from_millis(0),
            invocation: invocation.map(Into::into),
            instance: "c-1".into(),
            text: text.into(),
        };
        logs.kept().push(&function.parse().unwrap(), entry, &logs.limits);
    }

    fn texts(logs: &Logs, function: &str, invocation: Option<&str>, max: usize) -> Vec<String> {
        let entries = logs.recent(&function.parse().unwrap(), invocation, max);
        entries.into_iter().map(|entry| entry.text).collect()
    }

    #[test]
    fn the_last_lines_are_kept_in_order() {
        let logs = logs(3 * (ENTRY_BYTES + 1), 1 << 20);
        for (text, invocation) in [("a", None), ("b", Some("1")), ("c", Some("2")), ("d", Some("1"))] {
            push(&logs, "f", invocation, text);
        }
        assert_eq!(texts(&logs, "f", None, 10), ["b", "c", "d"]);
        assert_eq!(texts(&logs, "f", None, 2), ["c", "d"]);
        assert_eq!(texts(&logs, "f", Some("1"), 10), ["b", "d"]);
        push(&logs, "f", None, &"x".repeat(1000));
        assert_eq!(texts(&logs, "f", None, 10), ["x".repeat(1000)]);
        logs.forget(&"f".parse().unwrap());
        assert!(texts(&logs, "f", None, 10).is_empty());
        assert_eq!(logs.kept().bytes, 0);
    }

    #[test]
    fn a_reader_goes_on_after_the_last_line_that_it_saw() {
        let logs = logs(1 << 20, 1 << 20);
        for (function, text) in [("f", "a"), ("g", "b"), ("f", "c"), ("f", "d")] {
            push(&logs, function, None, text);
        }
        let numbers = |after, max| -> Vec<(u64, String)> {
            let entries = logs.after(&"f".parse().unwrap(), after, max);
            entries.into_iter().map(|entry| (entry.number, entry.text)).collect()
        };
        assert_eq!(numbers(0, 2), [(1, "a".to_owned()), (3, "c".to_owned())]);
        assert_eq!(numbers(3, 2), [(4, "d".to_owned())]);
        assert_eq!(numbers(4, 2), []);
        assert_eq!(logs.newest(), 4);
    }

    #[test]
    fn the_function_that_was_quiet_longest_makes_room() {
        let logs = logs(1 << 20, 2 * (ENTRY_BYTES + 1));
        push(&logs, "a", None, "1");
        push(&logs, "b", None, "2");
        push(&logs, "a", None, "3");
        assert!(texts(&logs, "b", None, 10).is_empty());
        assert_eq!(texts(&logs, "a", None, 10), ["1", "3"]);
    }
}
