//! Proof that an acknowledgement waits for the disk: the server's flushes, watched from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use kulkul_bench::report::{Bound, Row};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::events::{ALL_ACCEPTED, put_requests};
use crate::load::Line;
use crate::server::Server;

const REQUESTS: usize = 300;
const ATTACH_WAIT: Duration = Duration::from_secs(10);

/// A span of wall-clock time, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: f64,
    end: f64,
}

/// Puts events one at a time while `strace` notes each flush of the server, and counts the requests during which one
/// began and ended. A row that says why not, when there is no `strace`.
pub(crate) fn measure(section: &str, server: &Server, bus: &str) -> anyhow::Result<Row> {
    let what = "requests with a flush between request and answer, 1 connection";
    let notes = server.home().join("flushes");
    let mut tracer = match Tracer::attach(server.pid(), &notes) {
        Ok(tracer) => tracer,
        Err(error) => return Ok(Row::new(section, what, format!("not measured: {error:#}"))),
    };
    let requests = put_requests(server.key(), server.api, bus, REQUESTS, 1);
    let mut line = Line::connect(server.api)?;
    let mut spans = Vec::with_capacity(REQUESTS);
    for number in 0..requests.len() {
        let start = now();
        line.call(requests.get(number), ALL_ACCEPTED)?;
        spans.push(Span { start, end: now() });
    }
    tracer.detach()?;
    let flushes = read_flushes(&std::fs::read_to_string(&notes)?);
    let with_flush = spans.iter().filter(|span| flushes.iter().any(|flush| span.contains(flush))).count();
    let during = flushes.iter().filter(|flush| flush.start >= spans[0].start).count();
    let measured = format!("{with_flush} of {REQUESTS}; {during} flushes in all");
    let share = with_flush as f64 / REQUESTS as f64;
    Ok(Row::new(section, what, measured).value(share).bound(Bound::AtLeast(1.0)))
}

impl Span {
    fn contains(&self, other: &Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A running `strace`.
struct Tracer(Child);

impl Tracer {
    fn attach(pid: u32, notes: &Path) -> anyhow::Result<Self> {
        let child = Command::new("strace")
            .args(["-f", "-ttt", "-T", "-e", "trace=fsync,fdatasync,sync_file_range", "-o"])
            .arg(notes)
            .args(["-p", &pid.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .context("strace cannot be started")?;
        let mut tracer = Self(child);
        let began = Instant::now();
        while !is_traced(pid) {
            if let Some(status) = tracer.0.try_wait()? {
                bail!("strace ended with {status}");
            }
            if began.elapsed() > ATTACH_WAIT {
                bail!("strace did not attach");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(tracer)
    }

    fn detach(&mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGINT)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // A child that was waited for already is left alone by both.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whether every thread of a process is watched by a tracer.
fn is_traced(pid: u32) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.flatten().all(|task| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    })
}

/// Reads lines such as `123 1732470000.000100 fdatasync(12) = 0 <0.000050>`, and those in two halves.
fn read_flushes(notes: &str) -> Vec<Span> {
    let mut flushes = Vec::new();
    for line in notes.lines().filter(|line| line.contains(" = 0 <")) {
        let stamp = line.split_whitespace().nth(1).and_then(|stamp| stamp.parse::<f64>().ok());
        let elapsed = line.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>')?.parse::<f64>().ok());
        if let Some((stamp, elapsed)) = stamp.zip(elapsed) {
            // The second half of a line is stamped at its end.
            let start = if line.contains("resumed>") { stamp - elapsed } else { stamp };
            flushes.push(Span { start, end: start + elapsed });
        }
    }
    flushes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_are_read_whole_or_in_halves() {
        let notes = "7 100.5 fdatasync(12) = 0 <0.25>\n8 101.0 fsync(9 <unfinished ...>\n7 101.5 fsync(3) = -1 EIO (Input/output error) <0.1>\n8 102.0 <... fsync resumed>) = 0 <1.0>\n";
        let flushes = read_flushes(notes);
        assert_eq!(flushes, [Span { start: 100.5, end: 100.75 }, Span { start: 101.0, end: 102.0 }]);
        assert!(Span { start: 100.0, end: 101.0 }.contains(&flushes[0]));
        assert!(!Span { start: 100.0, end: 101.5 }.contains(&flushes[1]));
    }
}
