//! Takes what targets are sent over HTTP: any number of addresses and connections, on one thread.
//!
//! Each address is a target of its own. An event counts once for each target that it comes to.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::bail;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::echo::whole_request;
use crate::events::{ID_AT, ID_BYTES};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// Ends the thread. The other tokens are the numbers of the targets, and behind them those of the connections.
const STOP: Token = Token(usize::MAX);
const READ_BYTES: usize = 16 << 10;

/// Addresses that take requests as long as this lives.
pub(crate) struct Receiver {
    addresses: Vec<SocketAddr>,
    received: Arc<Mutex<Received>>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// What has come.
#[derive(Default)]
struct Received {
    different: HashSet<(usize, [u8; ID_BYTES])>,
    count: usize,
    sample: Option<Vec<u8>>,
}

/// What the thread works with.
struct Serving {
    poll: Poll,
    listeners: Vec<TcpListener>,
    connections: HashMap<Token, Connection>,
    next_token: usize,
    received: Arc<Mutex<Received>>,
}

struct Connection {
    target: usize,
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Receiver {
    /// Starts to take requests at addresses for so many targets.
    pub(crate) fn start(target_count: usize) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), STOP)?;
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for target in 0..target_count {
            let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
            poll.registry().register(&mut listener, Token(target), Interest::READABLE)?;
            addresses.push(listener.local_addr()?);
            listeners.push(listener);
        }
        let received = Arc::new(Mutex::<Received>::default());
        let serving = Serving {
            poll,
            listeners,
            connections: HashMap::new(),
            next_token: target_count,
            received: received.clone(),
        };
        let thread = std::thread::spawn(move || {
            if let Err(error) = serving.run() {
                eprintln!("nobody takes what targets are sent any more: {error:#}");
            }
        });
        Ok(Self { addresses, received, waker, thread: Some(thread) })
    }

    /// Where the targets are, in the order of their numbers.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Forgets what has come so far.
    pub(crate) fn reset(&self) {
        *lock(&self.received) = Received::default();
    }

    /// How many different deliveries have come, and how many beyond one of each.
    pub(crate) fn seen(&self) -> anyhow::Result<(usize, usize)> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            bail!("nobody takes what targets are sent any more");
        }
        let received = lock(&self.received);
        Ok((received.different.len(), received.count - received.different.len()))
    }

    /// The first event that has come, as the body of its request.
    pub(crate) fn sample(&self) -> Option<Vec<u8>> {
        lock(&self.received).sample.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Fails only when the thread has ended already.
        drop(self.waker.wake());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Received {
    fn note(&mut self, target: usize, body: &[u8]) {
        // What has no id is no event of ours: one is missing in the end.
        let Some(Ok(id)) = body.get(ID_AT).map(<[u8; ID_BYTES]>::try_from) else { return };
        self.count += 1;
        self.different.insert((target, id));
        if self.sample.is_none() {
            self.sample = Some(body.to_vec());
        }
    }
}

impl Serving {
    fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    STOP => return Ok(()),
                    Token(number) if number < self.listeners.len() => self.accept(number)?,
                    token => self.answer(token),
                }
            }
        }
    }

    fn accept(&mut self, target: usize) -> anyhow::Result<()> {
        loop {
            let mut stream = match self.listeners[target].accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.next_token);
            self.next_token += 1;
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.connections.insert(token, Connection { target, stream, bytes: Vec::new() });
        }
    }

    fn answer(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        // A client that goes away ends its connection only.
        if !connection.answer(&self.received).unwrap_or(false) {
            self.connections.remove(&token);
        }
    }
}

impl Connection {
    /// Answers the requests that have come. False when no more will.
    fn answer(&mut self, received: &Mutex<Received>) -> io::Result<bool> {
        let mut buffer = [0; READ_BYTES];
        loop {
            let count = match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            self.bytes.extend_from_slice(&buffer[..count]);
            while let Some((body, end)) = whole_request(&self.bytes) {
                lock(received).note(self.target, &self.bytes[body..end]);
                self.stream.write_all(ANSWER)?;
                self.bytes.drain(..end);
            }
        }
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Line;
    use crate::requests::Requests;

    #[test]
    fn an_event_counts_once_for_each_target() {
        let receiver = Receiver::start(2).unwrap();
        for (target, id) in [(0, "1"), (0, "2"), (1, "1"), (0, "1")] {
            let mut requests = Requests::default();
            let body = format!(r#"{{"id":"{}","source":"s"}}"#, id.repeat(ID_BYTES));
            requests.push("POST", "/", &[], body.as_bytes());
            let mut line = Line::connect(receiver.addresses()[target]).unwrap();
            line.call(requests.get(0), b"").unwrap();
        }
        assert_eq!(receiver.seen().unwrap(), (3, 1));
        let sample = receiver.sample().unwrap();
        assert_eq!(sample[ID_AT], [b'1'; ID_BYTES]);
        receiver.reset();
        assert_eq!(receiver.seen().unwrap(), (0, 0));
    }
}
