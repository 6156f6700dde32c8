//! Gathers what handlers report, over connections that they open.
//!
//! A report is the id of an event. They are looked at every few milliseconds instead of waking anybody: the collector
//! shares the machine with what is measured.

use std::collections::HashSet;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};

use anyhow::bail;

use crate::events::ID_BYTES;

/// Connections at once: one for each instance of a function.
const CONNECTIONS_MAX: usize = 1024;

/// Where handlers report.
pub(crate) struct Collector {
    listener: TcpListener,
    connections: Vec<(TcpStream, Vec<u8>)>,
    different: HashSet<[u8; ID_BYTES]>,
    count: usize,
}

impl Collector {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, connections: Vec::new(), different: HashSet::new(), count: 0 })
    }

    pub(crate) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Forgets what was reported so far.
    pub(crate) fn reset(&mut self) {
        self.different.clear();
        self.count = 0;
    }

    /// Reads what has come. Returns how many different ids there are, and how many reports beyond one for each.
    pub(crate) fn collect(&mut self) -> anyhow::Result<(usize, usize)> {
        loop {
            match self.listener.accept() {
                Ok(_) if self.connections.len() == CONNECTIONS_MAX => bail!("too many connections"),
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    self.connections.push((stream, Vec::new()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        for (stream, received) in &mut self.connections {
            match stream.read_to_end(received) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            let (ids, rest) = received.as_chunks::<ID_BYTES>();
            self.count += ids.len();
            self.different.extend(ids);
            let rest = received.len() - rest.len();
            received.drain(..rest);
        }
        Ok((self.different.len(), self.count - self.different.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reports_are_counted_once_and_twice() {
        let mut collector = Collector::new().unwrap();
        assert_eq!(collector.collect().unwrap(), (0, 0));
        let mut stream = TcpStream::connect(("127.0.0.1", collector.port().unwrap())).unwrap();
        let (one, two) = ([b'1'; ID_BYTES], [b'2'; ID_BYTES]);
        stream.write_all(&[&one[..], &two[..], &one[..], &two[..7]].concat()).unwrap();
        while collector.count < 3 {
            collector.collect().unwrap();
        }
        assert_eq!(collector.collect().unwrap(), (2, 1));
        collector.reset();
        stream.write_all(&two[7..]).unwrap();
        while collector.count < 1 {
            collector.collect().unwrap();
        }
        assert_eq!(collector.collect().unwrap(), (1, 0));
    }
}
