//! The load generator: one thread, any number of connections, one request under way on each.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::requests::{Requests, check_answer};
use crate::samples::Samples;

/// How long nothing may come back before the run is given up.
const STANDSTILL_MAX: Duration = Duration::from_secs(20);
/// What is read at least at once.
const READ_BYTES: usize = 8 << 10;

/// What a run has shown.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// From sending each request to having its whole answer.
    pub(crate) latencies: Samples,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// How many requests there were.
    pub(crate) count: usize,
}

impl Run {
    /// Requests answered in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends every request once and checks that each answer says 200 and contains `expected`.
pub(crate) fn run(
    to: SocketAddr,
    connection_count: usize,
    requests: &Requests,
    expected: &[u8],
) -> anyhow::Result<Run> {
    let mut poll = Poll::new()?;
    let mut connections = Vec::new();
    for number in 0..connection_count.min(requests.len()) {
        // Blocking while it connects: the clock has not started.
        let stream = std::net::TcpStream::connect(to).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        connections.push(Connection { stream, received: Vec::with_capacity(READ_BYTES), sending: None });
    }
    let mut turn = Turn { requests, expected, next: 0, latencies: Vec::with_capacity(requests.len()) };
    let mut events = Events::with_capacity(connections.len().max(1));
    let began = Instant::now();
    for connection in &mut connections {
        turn.send_next(connection)?;
    }
    while turn.latencies.len() < requests.len() {
        let before = turn.latencies.len();
        let deadline = Instant::now() + STANDSTILL_MAX;
        while turn.latencies.len() == before {
            match poll.poll(&mut events, Some(deadline.saturating_duration_since(Instant::now()))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if events.is_empty() && Instant::now() >= deadline {
                bail!("no answer within {STANDSTILL_MAX:?}, after {before} of {} requests", requests.len());
            }
            for event in &events {
                turn.serve(&mut connections[event.token().0])?;
            }
        }
    }
    let elapsed = began.elapsed();
    Ok(Run { latencies: Samples::new(turn.latencies), elapsed, count: requests.len() })
}

/// One connection that is used by waiting: for requests one at a time.
pub(crate) struct Line {
    stream: std::net::TcpStream,
    received: Vec<u8>,
}

impl Line {
    pub(crate) fn connect(to: SocketAddr) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(to).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STANDSTILL_MAX))?;
        Ok(Self { stream, received: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a request and waits for its answer, which says 200 and contains `expected`.
    pub(crate) fn call(&mut self, request: &[u8], expected: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request)?;
        self.received.clear();
        let mut buffer = [0; READ_BYTES];
        while check_answer(&self.received, expected)?.is_none() {
            match self.stream.read(&mut buffer)? {
                0 => bail!("the server closed a connection"),
                count => self.received.extend_from_slice(&buffer[..count]),
            }
        }
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    sending: Option<Sending>,
}

/// A request that has no whole answer yet.
struct Sending {
    number: usize,
    sent: usize,
    since: Instant,
}

struct Turn<'a> {
    requests: &'a Requests,
    expected: &'a [u8],
    next: usize,
    latencies: Vec<Duration>,
}

impl Turn<'_> {
    /// Writes and reads what can be written and read without waiting.
    fn serve(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        self.write(connection)?;
        loop {
            let filled = connection.received.len();
            connection.received.resize(filled + READ_BYTES, 0);
            let read = connection.stream.read(&mut connection.received[filled..]);
            connection.received.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => {
                    if let Some(end) = check_answer(&connection.received, self.expected)? {
                        if end != connection.received.len() {
                            bail!("more than one answer to one request");
                        }
                        connection.received.clear();
                        let sending = connection.sending.take().context("an answer without a request")?;
                        self.latencies.push(sending.since.elapsed());
                        self.send_next(connection)?;
                    }
                    // The socket is empty, most likely; when it is not, it will be reported: what comes later is.
                    if count < READ_BYTES {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn send_next(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        if self.next == self.requests.len() {
            return Ok(());
        }
        connection.sending = Some(Sending { number: self.next, sent: 0, since: Instant::now() });
        self.next += 1;
        self.write(connection)
    }

    fn write(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let Some(sending) = &mut connection.sending else { return Ok(()) };
        let request = self.requests.get(sending.number);
        while sending.sent < request.len() {
            match connection.stream.write(&request[sending.sent..]) {
                Ok(count) => sending.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_sent_once_and_its_answer_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let serve = |mut stream: std::net::TcpStream| {
                std::thread::spawn(move || {
                    let (mut seen, mut buffer) = (0, [0; 4096]);
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        for _ in memchr::memmem::find_iter(&buffer[..count], "\r\n\r\n") {
                            seen += 1;
                            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                        }
                    }
                    seen
                })
            };
            let threads: Vec<_> = (0..3).map(|_| serve(listener.accept().unwrap().0)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        let mut requests = Requests::default();
        (0..100).for_each(|_| requests.push("GET", "/", &[], b""));
        let run = run(address, 3, &requests, b"ok").unwrap();
        assert_eq!((run.count, server.join().unwrap()), (100, 100));
        assert!(run.latencies.median() > Duration::ZERO);
    }
}
