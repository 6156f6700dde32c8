//! What functions print, request by request.
//!
//! Every line goes to the [`LogSink`]. Output is never kept waiting, since a function would hang, and never kept whole:
//! a line longer than 32 KiB is cut into pieces, and beyond 4 MiB at once and 1 MiB per second and instance lines are
//! dropped and counted. The end of the log is kept for the caller, whatever was dropped before it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::{Duration, Instant};

use kulkul_model::{FunctionName, RequestId};

use crate::call::{InstanceId, MemoryUse};

/// Bytes of one line. Source: Function Compute, logs: one record has at most 32 KB.
pub(crate) const LINE_BYTES_MAX: usize = 32 << 10;
/// Bytes of the log that a reply carries. Source: Function Compute 2023-03-30, `X-Fc-Log-Type: Tail`.
pub(crate) const TAIL_BYTES_MAX: usize = 4 << 10;
/// Bytes of output that one instance may print at once without losing lines.
pub(crate) const BURST_BYTES: usize = 4 << 20;
/// Bytes of output per second that one instance may go on printing without losing lines.
pub(crate) const BYTES_PER_SECOND: usize = 1 << 20;

/// One line of a function's log.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// The function.
    pub function: &'a FunctionName,
    /// The invocation that printed it; `None` when it was printed between two, or while several ran in one instance.
    pub request_id: Option<&'a RequestId>,
    /// The instance.
    pub instance: &'a InstanceId,
    /// The text without its line end; bytes that are not UTF-8 have been replaced.
    pub text: &'a str,
}

/// Receives the log lines of all functions.
pub trait LogSink: Send + Sync + 'static {
    /// Takes one line. Called from the invocation itself: it must neither block nor panic.
    fn line(&self, line: LogLine<'_>);
}

/// A sink that forgets everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl LogSink for Discard {
    fn line(&self, _line: LogLine<'_>) {}
}

/// The last bytes of a log.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    pub(crate) fn push(&mut self, text: &[u8]) {
        let kept = &text[text.len().saturating_sub(TAIL_BYTES_MAX)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(TAIL_BYTES_MAX);
        self.bytes.drain(..excess);
        self.bytes.extend(kept);
    }

    /// The text; a character that was cut in two is replaced.
    pub(crate) fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }
}

/// How much an instance may still print before lines are dropped.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    at: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { bytes: BURST_BYTES, at: now }
    }

    /// Adds what has become free since the last call.
    pub(crate) fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at);
        let earned = since.as_secs_f64() * BYTES_PER_SECOND as f64;
        if earned >= 1.0 {
            self.bytes = self.bytes.saturating_add(earned as usize).min(BURST_BYTES);
            self.at = now;
        }
    }

    /// Whether `bytes` more may pass; then they are used up.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let enough = self.bytes >= bytes;
        self.bytes -= if enough { bytes } else { 0 };
        enough
    }
}

/// The line that ends a tail. Source: Function Compute, a recorded `X-Fc-Log-Result`.
pub(crate) fn summary(duration: Duration, memory_mib: u32, used: MemoryUse) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n\nDuration: {millis:.2} ms, Billed Duration: {} ms, Memory Size: {memory_mib} MB, Max Memory Used: {:.2} MB",
        millis.ceil() as u64,
        used.megabytes()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_last_four_kilobytes() {
        let mut tail = Tail::default();
        tail.push(b"early\n");
        tail.push(&[b'x'; TAIL_BYTES_MAX - 5]);
        assert_eq!(tail.text().len(), TAIL_BYTES_MAX);
        assert!(tail.text().starts_with("arly\n") || tail.text().starts_with("rly\n"));
        tail.push(&[b'y'; 3 * TAIL_BYTES_MAX]);
        tail.push(b"end");
        assert!(tail.text().ends_with("yend"));
        assert_eq!(tail.text().len(), TAIL_BYTES_MAX);
    }

    #[test]
    fn a_budget_lets_a_burst_pass_and_then_a_rate() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.spend(BURST_BYTES));
        assert!(!budget.spend(1));
        budget.refill(start + Duration::from_secs(1));
        assert!(budget.spend(BYTES_PER_SECOND));
        assert!(!budget.spend(1));
        budget.refill(start + Duration::from_secs(1000));
        assert!(!budget.spend(BURST_BYTES + 1) && budget.spend(BURST_BYTES));
    }

    #[test]
    fn the_summary_has_the_documented_form() {
        let text = summary(Duration::from_micros(16_810), 128, MemoryUse { kib: 53_576 });
        let expected =
            "\n\nDuration: 16.81 ms, Billed Duration: 17 ms, Memory Size: 128 MB, Max Memory Used: 52.32 MB";
        assert_eq!(text, expected);
    }
}
