//! Reads what an instance prints and turns it into log lines.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use kulkul_model::{FunctionName, RequestId};
use nix::errno::Errno;
use tokio::net::unix::pipe;

use crate::call::{InstanceId, LogTail};
use crate::log::{Budget, LINE_BYTES_MAX, LogLine, LogSink, Tail};

/// Bytes read at once: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes read in one go before others get their turn.
const TURN_BYTES: usize = 1 << 20;

/// The reading end of an instance's standard output and error.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: pipe::Receiver,
    lines: Lines,
}

/// What was read and is not yet a line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line that has not ended yet.
    partial: Vec<u8>,
    chunk: Vec<u8>,
}

/// Whether an instance may still print something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputState {
    /// Nothing more is there now.
    Empty,
    /// There is more, but it is somebody else's turn.
    More,
    /// Nobody can write to it any more.
    Closed,
}

impl Output {
    /// A pipe: our end, and the one for the process, which may be opened again as `/dev/stdout` by its `owner`.
    pub(crate) fn pipe(owner: Option<(u32, u32)>) -> io::Result<(Self, OwnedFd)> {
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::fchown(&write, Some(uid), Some(gid))?;
        }
        nix::fcntl::fcntl(read.as_fd(), nix::fcntl::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        let pipe = pipe::Receiver::from_owned_fd(read)?;
        Ok((Self { pipe, lines: Lines::default() }, write))
    }

    /// Waits until there may be something to read. Cancel-safe.
    pub(crate) async fn readable(&self) {
        // An error means that the reactor is gone, together with everything else.
        let _ = self.pipe.readable().await;
    }

    /// Reads what is there now, and gives it to `log`; see [`drain`].
    pub(crate) fn drain(&mut self, log: &mut Log) -> OutputState {
        drain(&self.pipe, &mut self.lines, log)
    }

    /// Ends a line that was not ended, at the end of an invocation.
    pub(crate) fn finish_line(&mut self, log: &mut Log) {
        self.lines.finish(log);
    }

    /// The end of what is there now, for a message about a process that did not start.
    pub(crate) fn last_words(&mut self) -> String {
        let mut tail = Tail::default();
        self.lines.chunk.resize(CHUNK_BYTES, 0);
        while let Ok(count @ 1..) = nix::unistd::read(self.pipe.as_fd(), &mut self.lines.chunk) {
            tail.push(&self.lines.chunk[..count]);
        }
        tail.text().trim_end().to_owned()
    }

    /// Takes it apart, for instances whose output several read.
    pub(crate) fn into_parts(self) -> (pipe::Receiver, Lines) {
        (self.pipe, self.lines)
    }
}

impl Lines {
    /// Ends a line that was not ended.
    pub(crate) fn finish(&mut self, log: &mut Log) {
        if !self.partial.is_empty() {
            log.output(&self.partial);
            self.partial.clear();
        }
    }
}

/// Reads what is in `pipe` now, and gives the lines to `log`.
///
/// Asks the kernel before the reactor, which may not have noticed yet: what a function printed before it answered
/// belongs to that answer.
pub(crate) fn drain(pipe: &pipe::Receiver, lines: &mut Lines, log: &mut Log) -> OutputState {
    lines.chunk.resize(CHUNK_BYTES, 0);
    let mut read = 0;
    while read < TURN_BYTES {
        let taken = match nix::unistd::read(pipe.as_fd(), &mut lines.chunk) {
            // The reactor has to learn that the pipe is empty, or it will call it readable for ever.
            Err(Errno::EAGAIN) => pipe.try_read(&mut lines.chunk).ok(),
            Err(Errno::EINTR) => continue,
            Err(_) => Some(0),
            Ok(count) => Some(count),
        };
        match taken {
            None => return OutputState::Empty,
            Some(0) => return OutputState::Closed,
            Some(count) => {
                read += count;
                split_lines(&mut lines.partial, &lines.chunk[..count], |line| log.output(line));
            }
        }
    }
    OutputState::More
}

/// Calls `each` with every line that ends in `chunk`; what follows the last line end is kept in `partial`, up to the
/// length of the longest line.
fn split_lines(partial: &mut Vec<u8>, chunk: &[u8], mut each: impl FnMut(&[u8])) {
    let mut rest = chunk;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        if partial.is_empty() {
            each(&rest[..end]);
        } else {
            partial.extend_from_slice(&rest[..end]);
            each(partial);
            partial.clear();
        }
        rest = &rest[end + 1..];
    }
    partial.extend_from_slice(rest);
    while partial.len() > LINE_BYTES_MAX {
        let cut = char_start(partial, LINE_BYTES_MAX);
        each(&partial[..cut]);
        partial.drain(..cut);
    }
}

/// The last position at or before `at` where no character of UTF-8 text is cut in two.
fn char_start(text: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at).rev().find(|&i| text[i] & 0xc0 != 0x80).unwrap_or(at)
}

/// Where the lines of one instance go, and to which invocation they belong.
pub(crate) struct Log {
    sink: Arc<dyn LogSink>,
    function: FunctionName,
    instance: InstanceId,
    budget: Budget,
    active: Vec<RequestId>,
    tail: Option<Tail>,
    dropped_lines: u64,
    dropped_bytes: u64,
}

impl Log {
    pub(crate) fn new(sink: Arc<dyn LogSink>, function: FunctionName, instance: InstanceId) -> Self {
        let budget = Budget::new(Instant::now());
        let (active, tail) = (Vec::new(), None);
        Self { sink, function, instance, budget, active, tail, dropped_lines: 0, dropped_bytes: 0 }
    }

    /// What is printed from now on belongs to this invocation, while it is the only one.
    ///
    /// Beginning twice is as good as once: an invocation that waits for the start of its instance has begun already.
    pub(crate) fn begin(&mut self, request_id: &RequestId, tail: LogTail) {
        self.budget.refill(Instant::now());
        if !self.active.contains(request_id) {
            self.active.push(request_id.clone());
        }
        match tail {
            LogTail::None => self.tail = None,
            LogTail::Tail => drop(self.tail.get_or_insert_default()),
        }
    }

    /// The end of the log so far, if it is kept.
    pub(crate) fn tail(&self) -> Option<String> {
        self.tail.as_ref().map(Tail::text)
    }

    /// Nothing belongs to this invocation any more. Returns the end of its log, if it was asked for.
    pub(crate) fn end(&mut self, request_id: &RequestId) -> Option<String> {
        self.active.retain(|active| active != request_id);
        self.tail.take().map(|tail| tail.text())
    }

    /// A line of the platform about this invocation; never dropped.
    pub(crate) fn marker(&mut self, request_id: &RequestId, text: &str) {
        self.report_dropped();
        self.emit(Some(request_id), text);
    }

    /// A line that the function printed.
    pub(crate) fn output(&mut self, mut line: &[u8]) {
        while line.len() > LINE_BYTES_MAX {
            let (piece, rest) = line.split_at(char_start(line, LINE_BYTES_MAX));
            self.output_piece(piece);
            line = rest;
        }
        self.output_piece(line);
    }

    fn output_piece(&mut self, line: &[u8]) {
        let size = line.len() + 1;
        if !self.budget.spend(size) {
            self.budget.refill(Instant::now());
            if !self.budget.spend(size) {
                self.dropped_lines += 1;
                self.dropped_bytes += size as u64;
                self.push_tail(line);
                return;
            }
        }
        let request_id = if let [only] = &self.active[..] { Some(only.clone()) } else { None };
        self.emit(request_id.as_ref(), &String::from_utf8_lossy(line));
    }

    fn report_dropped(&mut self) {
        if self.dropped_lines > 0 {
            let (lines, bytes) = (self.dropped_lines, self.dropped_bytes);
            (self.dropped_lines, self.dropped_bytes) = (0, 0);
            let text = format!(
                "[kulkul] {lines} lines ({bytes} bytes) were printed too fast and are not in this log"
            );
            let request_id = self.active.first().cloned();
            self.emit(request_id.as_ref(), &text);
        }
    }

    fn emit(&mut self, request_id: Option<&RequestId>, text: &str) {
        self.push_tail(text.as_bytes());
        self.sink.line(LogLine { function: &self.function, request_id, instance: &self.instance, text });
    }

    fn push_tail(&mut self, line: &[u8]) {
        if let Some(tail) = &mut self.tail {
            tail.push(line);
            tail.push(b"\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
        let (mut lines, mut partial) = (Vec::new(), Vec::new());
        for chunk in chunks {
            split_lines(&mut partial, chunk, |line| lines.push(String::from_utf8_lossy(line).into_owned()));
        }
        (lines, partial)
    }

    #[test]
    fn lines_are_put_together_across_reads() {
        let (lines, rest) = lines_of(&[b"on", b"e\ntwo\n", b"\nthr", b"", b"ee"]);
        assert_eq!((lines, rest), (vec!["one".into(), "two".into(), String::new()], b"three".to_vec()));
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters() {
        let endless = "ä".repeat(LINE_BYTES_MAX);
        let (lines, rest) = lines_of(&[b"x", endless.as_bytes()]);
        assert_eq!(lines[0].len(), LINE_BYTES_MAX - 1);
        assert!(lines.iter().all(|line| !line.contains('\u{fffd}')));
        assert!(rest.len() <= LINE_BYTES_MAX);
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl LogSink for Kept {
        fn line(&self, line: LogLine<'_>) {
            self.0.lock().unwrap().push(line.text.to_owned());
        }
    }

    #[test]
    fn lines_beyond_the_rate_are_dropped_and_counted_but_the_tail_is_exact() {
        let sink = Arc::new(Kept::default());
        let function: FunctionName = "loud".parse().unwrap();
        let instance = InstanceId::new(kulkul_model::Timestamp::from_millis(0));
        let mut log = Log::new(sink.clone(), function, instance);
        let id = RequestId::from_text("1-a");
        log.begin(&id, LogTail::Tail);
        let line = [b'x'; 1023];
        for _ in 0..100_000 {
            log.output(&line);
        }
        log.output(b"the last line");
        log.marker(&id, "FC Invoke End RequestId: 1-a");
        let lines = sink.0.lock().unwrap();
        assert!((4096..60_000).contains(&lines.len()), "{} lines", lines.len());
        assert!(lines[lines.len() - 2].contains(" were printed too fast"), "{}", lines[lines.len() - 2]);
        let tail = log.end(&id).unwrap();
        assert!(
            tail.contains("the last line\n[kulkul] ") && tail.ends_with("FC Invoke End RequestId: 1-a\n"),
            "{tail}"
        );
    }
}
