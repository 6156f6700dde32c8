//! The bounds of a listener.

use std::time::Duration;

use http::Request;

/// What a client may make a listener hold or wait for.
///
/// Two bounds are the parser's: a request target of 65 534 bytes, beyond which the answer is 414, and 100 headers, beyond
/// which it is 431, both with an empty body. The first cannot be raised. The second could, at the price of two
/// allocations for each request, and nobody has been seen to send so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. When they are all in use, new ones wait in the system's backlog.
    pub connection_count_max: usize,
    /// Size of a request's head. A larger one is answered with 431 and an empty body, before the handler sees it; a
    /// handler that wants to answer in its own words looks at [`head_bytes`] and refuses from a lower limit on.
    pub head_bytes_max: usize,
    /// From the first byte of a request to the end of its head. Then the connection is closed.
    pub head_timeout: Duration,
    /// Longest pause of a client in the middle of a body. Then reading the body fails.
    pub body_idle_timeout: Duration,
    /// Longest time that a client may leave a connection unused between requests. Then it is closed.
    pub idle_timeout: Duration,
    /// Longest time that a client may take nothing of an answer. Then the connection is closed.
    pub stall_timeout: Duration,
    /// How long requests under way may go on after the stop. Then they are cut off.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    /// 4096 connections, heads of 256 KiB within 10 s, 30 s for the next piece of a body, 75 s idle, 60 s stalled,
    /// 10 s of grace.
    fn default() -> Self {
        Self {
            connection_count_max: 4096,
            head_bytes_max: 256 * 1024,
            head_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// How often connections are looked at: often enough for the shortest time-out to be late by half at most.
    pub(crate) fn tick(&self) -> Duration {
        let timeouts = [self.head_timeout, self.body_idle_timeout, self.idle_timeout, self.stall_timeout];
        let shortest = timeouts.into_iter().min().unwrap_or_default();
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

/// The size of a request's head: the request target and all headers, as they came over the wire.
pub fn head_bytes<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(1, |target| target.as_str().len());
    // ` `, ` HTTP/1.1`, a line end and the empty line; `: ` and a line end for each header.
    let line = request.method().as_str().len() + target + 14;
    request.headers().iter().fold(line, |sum, (name, value)| sum + name.as_str().len() + value.len() + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_head_counts_target_and_headers() {
        let request = Request::get("http://x/a?b=c").header("name", "value").body(()).unwrap();
        assert_eq!(head_bytes(&request), "GET /a?b=c HTTP/1.1\r\nname: value\r\n\r\n".len());
    }

    #[test]
    fn the_tick_follows_the_shortest_timeout() {
        let short = Limits { head_timeout: Duration::from_millis(200), ..Limits::default() };
        assert_eq!(short.tick(), Duration::from_millis(50));
        assert_eq!(Limits::default().tick(), Duration::from_secs(1));
    }
}
