//! As much of HTTP/1.1 as a function and its object store need: messages with a known or a chunked length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// Bounds of a message that this program reads.
const HEAD_BYTES_MAX: u64 = 64 << 10;
const EVENT_BYTES_MAX: usize = 32 << 20;

/// A request or a response that was read whole.
#[derive(Debug)]
pub(crate) struct Message {
    start_line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn method(&self) -> &str {
        self.word(0)
    }

    /// Returns the path of a request, without its query.
    pub(crate) fn path(&self) -> &str {
        self.word(1).split('?').next().unwrap_or_default()
    }

    /// Returns the status of a response; 0 when it has none.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    fn word(&self, index: usize) -> &str {
        self.start_line.split(' ').nth(index).unwrap_or_default()
    }

    /// Returns the value of a header, whose name is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the other side sends over one connection.
pub(crate) struct Incoming<S> {
    reader: BufReader<S>,
}

impl<S: Read> Incoming<S> {
    pub(crate) fn new(stream: S) -> Incoming<S> {
        Incoming { reader: BufReader::new(stream) }
    }

    /// Returns the next request; `None` when the connection was closed in between.
    pub(crate) fn next_request(&mut self) -> Result<Option<Message>, String> {
        self.next(EVENT_BYTES_MAX, 0)
    }

    /// Returns the next response; a body without length goes up to the end of the connection.
    pub(crate) fn next_response(&mut self, body_bytes_max: usize) -> Result<Message, String> {
        self.next(body_bytes_max, body_bytes_max)?
            .ok_or("the connection was closed without an answer".to_owned())
    }

    /// `unbounded_bytes` is how much a message may hold that does not say how long it is.
    fn next(&mut self, body_bytes_max: usize, unbounded_bytes: usize) -> Result<Option<Message>, String> {
        let Some(mut message) = self.head().map_err(|error| format!("cannot read the head: {error}"))? else {
            return Ok(None);
        };
        let too_long = || format!("the body is longer than {body_bytes_max} bytes");
        if message.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            message.body = self.chunks(body_bytes_max)?.ok_or_else(too_long)?;
            return Ok(Some(message));
        }
        let length = match message.header("content-length") {
            Some(text) => text.parse().map_err(|_| format!("the length `{text}` is not a number"))?,
            None => unbounded_bytes,
        };
        if length > body_bytes_max {
            return Err(too_long());
        }
        self.reader
            .by_ref()
            .take(length as u64)
            .read_to_end(&mut message.body)
            .map_err(|error| error.to_string())?;
        if message.header("content-length").is_some() && message.body.len() < length {
            return Err(format!("the body ended after {} of {length} bytes", message.body.len()));
        }
        Ok(Some(message))
    }

    /// Returns a message that has no body yet; `None` at the end of the stream.
    fn head(&mut self) -> io::Result<Option<Message>> {
        let mut limited = self.reader.by_ref().take(HEAD_BYTES_MAX);
        let Some(start_line) = line(&mut limited)? else { return Ok(None) };
        let mut headers = Vec::new();
        loop {
            match line(&mut limited)? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(text) if text.is_empty() => {
                    return Ok(Some(Message { start_line, headers, body: Vec::new() }));
                }
                Some(text) => {
                    let (name, value) = text.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }

    /// Returns a chunked body; `None` when it is longer than `bytes_max`.
    fn chunks(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        let broken = |error: io::Error| format!("cannot read a chunk: {error}");
        let mut body = Vec::new();
        loop {
            let mut limited = self.reader.by_ref().take(HEAD_BYTES_MAX);
            let head = line(&mut limited).map_err(broken)?.unwrap_or_default();
            let size = head.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|_| format!("`{size}` is not the size of a chunk"))?;
            if size > bytes_max - body.len() {
                return Ok(None);
            }
            let whole = body.len() + size;
            self.reader.by_ref().take(size as u64).read_to_end(&mut body).map_err(broken)?;
            let end = line(&mut self.reader.by_ref().take(HEAD_BYTES_MAX)).map_err(broken)?;
            if body.len() < whole || end.is_none_or(|end| !end.is_empty()) {
                return Err("a chunk ended early".to_owned());
            }
            if size == 0 {
                return Ok(Some(body));
            }
        }
    }
}

/// Returns the next line without its end; `None` at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    if reader.read_line(&mut text)? == 0 {
        return Ok(None);
    }
    match text.strip_suffix('\n') {
        Some(line) => Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned())),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Writes a message in one go.
pub(crate) fn send(
    mut stream: &TcpStream,
    start_line: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut bytes = format!("{start_line}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)
}

/// What the function answers to the platform.
pub(crate) struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    pub(crate) fn ok(document: &Value) -> Reply {
        Reply { status: 200, body: document.to_string() }
    }

    /// Returns the answer to a call that failed; statuses below 500 also end the connection.
    pub(crate) fn failure(status: u16, problem: &str) -> Reply {
        Reply { status, body: json!({"errorMessage": problem, "errorType": "ThumbnailError"}).to_string() }
    }

    pub(crate) fn closes(&self) -> bool {
        (400..500).contains(&self.status)
    }

    pub(crate) fn send(&self, stream: &TcpStream) -> io::Result<()> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("content-length", self.body.len().to_string()),
        ];
        if self.status != 200 {
            // The platform looks at this header and not at the status to tell whether a call failed.
            headers.push(("x-fc-status", "404".to_owned()));
        }
        if self.closes() {
            headers.push(("connection", "close".to_owned()));
        }
        send(stream, &format!("HTTP/1.1 {} -", self.status), &headers, self.body.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Option<Message>, String> {
        Incoming::new(text.as_bytes()).next_request()
    }

    #[test]
    fn a_request_is_read_with_either_kind_of_length() {
        let table = [
            "POST /invoke?x=1 HTTP/1.1\r\nContent-Length: 5\r\nX-Fc-Request-Id: 1-a\r\n\r\nhello",
            "POST /invoke HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx-fc-request-id: 1-a\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n",
        ];
        for text in table {
            let request = request(text).unwrap().unwrap();
            assert_eq!(
                (request.method(), request.path(), request.body.as_slice()),
                ("POST", "/invoke", &b"hello"[..])
            );
            assert_eq!(request.header("x-fc-request-id"), Some("1-a"));
        }
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let mut incoming = Incoming::new(&b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"[..]);
        let paths: Vec<_> = std::iter::from_fn(|| incoming.next_request().unwrap())
            .map(|request| request.path().to_owned())
            .collect();
        assert_eq!(paths, ["/a", "/b"]);
    }

    #[test]
    fn a_response_may_end_with_its_connection() {
        let response = Incoming::new(&b"HTTP/1.1 404 Not Found\r\n\r\nwhy"[..]).next_response(100).unwrap();
        assert_eq!((response.status(), response.body.as_slice()), (404, &b"why"[..]));
    }

    #[test]
    fn what_breaks_the_rules_is_an_error() {
        let table = [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel",
            "POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "POST / HTTP/1.1\r\nno colon\r\n\r\n",
            "POST / HTTP/1.1\r\n",
        ];
        for text in table {
            assert!(request(text).is_err(), "{text:?}");
        }
    }
}
