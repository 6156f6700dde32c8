//! A custom runtime that returns what it is given: what calling a process directly over HTTP costs.
//!
//! It is this very program, started with `echo` by the server as a function's command. The benchmark also serves it
//! on a thread, to call it without a server in between.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::Context;
use memchr::memmem;

/// Serves the port that the server gives to a custom runtime, until it is killed.
pub(crate) fn serve() -> anyhow::Result<()> {
    let port: u16 = std::env::var("FC_SERVER_PORT").context("no FC_SERVER_PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    serve_on(&listener)
}

/// Serves connections of a listener until it fails; each has a thread.
pub(crate) fn serve_on(listener: &TcpListener) -> anyhow::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        // A client that goes away ends its connection only.
        std::thread::Builder::new().spawn(move || drop(answer(stream)))?;
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut received, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&buffer[..count]);
        while let Some((body, end)) = whole_request(&received) {
            let mut answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", end - body).into_bytes();
            answer.extend_from_slice(&received[body..end]);
            stream.write_all(&answer)?;
            received.drain(..end);
        }
    }
}

/// Where the body of the first request starts and ends, once it is whole.
pub(crate) fn whole_request(received: &[u8]) -> Option<(usize, usize)> {
    let body = memmem::find(received, b"\r\n\r\n")? + 4;
    let head = received[..body].to_ascii_lowercase();
    let length = match memmem::find(&head, b"content-length: ") {
        Some(at) => {
            let digits = head[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
        }
        None => 0,
    };
    (received.len() >= body + length).then_some((body, body + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        std::thread::spawn(move || serve_on(&listener));
        for body in ["one", ""] {
            write!(stream, "POST /invoke HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
            let expected = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let mut answer = vec![0; expected.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(String::from_utf8(answer).unwrap(), expected);
        }
    }
}
