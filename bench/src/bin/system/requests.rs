//! Requests that are rendered before the clock starts, and a look at answers that costs next to nothing.

use anyhow::{Context, bail};
use memchr::memmem;

/// Rendered requests, one behind the other.
#[derive(Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Renders one more. `headers` lack `content-length` only.
    pub(crate) fn push(&mut self, method: &str, target: &str, headers: &[(String, String)], body: &[u8]) {
        let line = format!("{method} {target} HTTP/1.1\r\n");
        self.bytes.extend_from_slice(line.as_bytes());
        for (name, value) in headers {
            self.bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        self.bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        self.bytes.extend_from_slice(body);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }
}

/// Where a whole answer ends, once it is whole. Fails when it is none that says 200 and contains `expected`.
pub(crate) fn check_answer(received: &[u8], expected: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head_end) = memmem::find(received, b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (&received[..head_end], &received[head_end + 4..]);
    let length = content_length(head).context("an answer without content-length")?;
    if body.len() < length {
        return Ok(None);
    }
    let good = head.starts_with(b"HTTP/1.1 200") && memmem::find(&body[..length], expected).is_some();
    if !good {
        bail!("unexpected answer: {}", String::from_utf8_lossy(&received[..received.len().min(1000)]));
    }
    Ok(Some(head_end + 4 + length))
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length: ";
    let start = memmem::find(head, NAME)? + NAME.len();
    let digits = head[start..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_as_they_were_rendered() {
        let mut requests = Requests::default();
        requests.push("POST", "/", &[("host".into(), "a".into())], b"one");
        requests.push("GET", "/b", &[], b"");
        assert_eq!(requests.len(), 2);
        assert_eq!(requests.get(0), b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\none");
        assert_eq!(requests.get(1), b"GET /b HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn an_answer_is_seen_when_it_is_whole_and_refused_when_it_is_not_what_was_expected() {
        let whole = b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 4\r\n\r\ndone";
        for cut in 0..whole.len() {
            assert_eq!(check_answer(&whole[..cut], b"on").unwrap(), None, "after {cut} bytes");
        }
        assert_eq!(check_answer(whole, b"on").unwrap(), Some(whole.len()));
        assert!(check_answer(whole, b"off").is_err());
        assert!(check_answer(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\non", b"on").is_err());
        assert!(check_answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"").is_err());
    }
}
